// A canvas as a piece of the plane: where a point is drawn, and the few things that are drawn.
// All panels show the same square, so that they can be laid side by side.
import {color, time_color, viridis} from './colors.js';

export const kReach = 2.9;  // a panel shows -kReach to kReach on both axes

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d');
  }
  // As many pixels as the screen has. Clears it.
  begin() {
    const side = Math.max(80, Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1)));
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.scale = side / (2 * kReach);
    this.dot = Math.max(.5, side / 300);  // the unit of sizes
    this.pen.globalAlpha = 1;
    this.pen.fillStyle = color.paper;
    this.pen.fillRect(0, 0, side, side);
  }
  X(x) { return (x + kReach) * this.scale; }
  Y(y) { return (kReach - y) * this.scale; }

  axes() {  // through 0, and a mark at each whole number
    const {pen, dot} = this;
    pen.strokeStyle = color.rule; pen.lineWidth = dot * .6; pen.beginPath();
    for (let k = -2; k <= 2; ++k) {
      const size = k === 0 ? kReach : .05;
      pen.moveTo(this.X(k), this.Y(-size)); pen.lineTo(this.X(k), this.Y(size));
      pen.moveTo(this.X(-size), this.Y(k)); pen.lineTo(this.X(size), this.Y(k));
    }
    pen.stroke();
  }
  say(text) {  // in the middle, in place of what is not there yet
    const {pen, canvas, dot} = this;
    pen.fillStyle = color.soft; pen.font = `${14 * dot}px system-ui, sans-serif`; pen.textAlign = 'center';
    pen.fillText(text, canvas.width / 2, canvas.height / 2 - 8 * dot);
  }
  dots(points, colour, {size = 1.6, opacity = .6} = {}) {  // colour: one, or a function of the row
    const {pen} = this, side = Math.max(1, size * this.dot);
    pen.globalAlpha = opacity;
    if (typeof colour === 'string') pen.fillStyle = colour;
    for (let i = 0; i < points.length; i += 2) {
      if (typeof colour !== 'string') pen.fillStyle = colour(i / 2);
      pen.fillRect(this.X(points[i]) - side / 2, this.Y(points[i + 1]) - side / 2, side, side);
    }
    pen.globalAlpha = 1;
  }
  lines(lists, colour, {width = 1, opacity = 1} = {}) {  // each list: x, y, x, y, ...
    const {pen} = this;
    pen.strokeStyle = colour; pen.lineWidth = width * this.dot; pen.globalAlpha = opacity;
    pen.lineJoin = 'round'; pen.beginPath();
    for (const points of lists)
      for (let i = 0; i < points.length; i += 2)
        pen[i ? 'lineTo' : 'moveTo'](this.X(points[i]), this.Y(points[i + 1]));
    pen.stroke(); pen.globalAlpha = 1;
  }
  arrows(at, vectors, colour, scale = .11) {
    const {pen, dot} = this;
    pen.strokeStyle = colour; pen.lineWidth = dot * .9; pen.beginPath();
    for (let i = 0; i < at.length; i += 2) {
      const x = this.X(at[i]), y = this.Y(at[i + 1]);
      const dx = vectors[i] * scale * this.scale, dy = -vectors[i + 1] * scale * this.scale;
      const head = .3;
      pen.moveTo(x, y); pen.lineTo(x + dx, y + dy);
      for (const turn of [-.4, .4])
        { pen.moveTo(x + dx, y + dy); pen.lineTo(x + dx - head * (dx - turn * dy), y + dy - head * (dy + turn * dx)); }
    }
    pen.stroke();
  }
  // States of one point, from the noise to the data: a line, marks coloured by time.
  trail(points, colour) {
    const {pen, dot} = this, last = points.length / 2 - 1;
    this.lines([points], color.paper, {width: 4});
    this.lines([points], colour, {width: 2});
    for (let k = 0; k <= last; ++k) {
      pen.fillStyle = time_color(last ? k / last : 1);
      pen.beginPath();
      pen.arc(this.X(points[2 * k]), this.Y(points[2 * k + 1]), 2.4 * dot, 0, 7);
      pen.fill(); pen.strokeStyle = color.ink; pen.lineWidth = dot * .4; pen.stroke();
    }
  }
  mark(x, y, colour) {  // where it is at the time that is shown
    const {pen, dot} = this;
    for (const [fill, radius] of [[color.paper, 6.2], [colour, 4.6]]) {
      pen.fillStyle = fill; pen.beginPath();
      pen.arc(this.X(x), this.Y(y), radius * dot, 0, 7); pen.fill();
    }
  }
  handle(x, y) {  // what can be dragged
    const {pen, dot} = this;
    for (const [colour, width] of [[color.paper, 5], [color.ink, 2.2]]) {
      pen.strokeStyle = colour; pen.lineWidth = width * dot; pen.beginPath();
      pen.arc(this.X(x), this.Y(y), 7 * dot, 0, 7); pen.stroke();
    }
  }
  heat(image) { this.pen.imageSmoothingEnabled = true;
    this.pen.drawImage(image, 0, 0, this.canvas.width, this.canvas.height); }
  at(event) {  // of a pointer, in the plane
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width * 2 - 1) * kReach,
            (1 - (event.clientY - box.top) / box.height * 2) * kReach];
  }
}

// The middles of n x n cells, the highest row first, as an image has them.
export function cells(n) {
  const points = new Float32Array(2 * n * n);
  for (let k = 0; k < n * n; ++k) {
    points[2 * k] = ((k % n + .5) / n * 2 - 1) * kReach;
    points[2 * k + 1] = (1 - (Math.floor(k / n) + .5) / n * 2) * kReach;
  }
  return points;
}

// log p in n x n cells as an image: the root of its density, from 0 to `most`. A thread of a hundredth of the
// highest density is then a tenth up the colours, where it is seen.
const ramp = Array.from({length: 256}, (_, i) => [...viridis(i / 255), 255]);
export function heat_image(log_p, n, most) {
  const image = new ImageData(n, n);
  for (let k = 0; k < n * n; ++k)
    image.data.set(ramp[Math.round(255 * Math.min(1, Math.sqrt(Math.exp(log_p[k]) / most))) || 0], 4 * k);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = n;
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}
