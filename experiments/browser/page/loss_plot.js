// Curves over the steps of training, with a dashed line at what no model can beat.
import {color} from './colors.js';
import {in_steps} from './pace.js';

// A curve that keeps at most 800 points: when it is full, every second one goes. A slow mean over
// batches, which differ by chance much more than the curve falls.
export class Curve {
  constructor(memory = 0.9) { this.memory = memory; this.clear(); }
  clear(points = []) {  // or as it was
    this.points = points;
    this.mean = points.at(-1)?.[1] ?? null;
  }
  add(step, value) {
    if (!Number.isFinite(value)) return;
    this.mean = this.mean === null ? value : this.memory * this.mean + (1 - this.memory) * value;
    if (this.points.length && this.points.at(-1)[0] === step) this.points.pop();
    this.points.push([step, this.mean]);
    if (this.points.length > 800) this.points = this.points.filter((_, i) => i % 2);
  }
  get last() { return this.points.at(-1)?.[1]; }
}

// `least`: below which no value can be.
export function plot(canvas, curves, {floor = null, length, high, least = -Infinity}) {
  const ratio = window.devicePixelRatio || 1, pen = canvas.getContext('2d');
  const W = canvas.clientWidth, H = canvas.clientHeight;
  canvas.width = W * ratio; canvas.height = H * ratio;
  pen.scale(ratio, ratio);
  pen.font = '12px system-ui, sans-serif';
  const all = curves.flatMap(({curve}) => curve.points);
  const right = Math.max(length, ...all.map(p => p[0]));
  const lowest = Math.min(floor ?? Infinity, ...all.map(p => p[1]), high - .2);
  const low = Math.max(least, lowest - .14 * (high - lowest)), top = high;
  const X = step => 34 + step / right * (W - 42);
  const Y = v => 8 + (top - Math.min(top, v)) / (top - low) * (H - 28);
  pen.fillStyle = color.soft; pen.strokeStyle = color.rule; pen.textAlign = 'right';
  for (let k = 0; k <= 3; ++k) {
    const v = low + (top - low) * k / 3;
    pen.fillText(v.toFixed(2), 30, Y(v) + 4);
    pen.beginPath(); pen.moveTo(34, Y(v)); pen.lineTo(W - 8, Y(v)); pen.stroke();
  }
  pen.fillText(in_steps(right), W - 8, H - 5);
  if (floor !== null) {
    pen.strokeStyle = color.guide; pen.setLineDash([5, 4]); pen.beginPath();
    pen.moveTo(34, Y(floor)); pen.lineTo(W - 8, Y(floor)); pen.stroke(); pen.setLineDash([]);
    const text = `no model can be below ${floor.toFixed(2)}`;
    pen.fillStyle = color.paper; pen.fillRect(38, Y(floor) + 2, pen.measureText(text).width + 4, 15);  // no line strikes it through
    pen.fillStyle = color.soft; pen.textAlign = 'left'; pen.fillText(text, 40, Y(floor) + 13);
  }
  let entry = 0;
  for (const {curve, colour, name} of curves) {
    pen.strokeStyle = pen.fillStyle = color[colour]; pen.lineWidth = 1.8; pen.beginPath();
    curve.points.forEach(([step, v], i) => pen[i ? 'lineTo' : 'moveTo'](X(step), Y(v)));
    pen.stroke();
    if (curve.points.length === 1) pen.fillRect(X(curve.points[0][0]) - 2, Y(curve.last) - 2, 4, 4);
    pen.textAlign = 'right';
    if (curve.points.length) pen.fillText(`${name} ${curve.last.toFixed(3)}`, W - 10, 20 + 15 * entry++);
  }
}
