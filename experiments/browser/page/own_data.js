// A reader's own points: drawn with mouse or finger, or pasted as a table.
//
// A drawing is a list of dabs (place and class). Each dab is the same small cloud of points every
// time, so a drawing fits into the address: three bytes a dab.
import {kReach} from './plane.js';

export const dabs = [];  // {x, y, label}
const kPerDab = 16, kWidth = .13, kMost = 400;
export const kFewestDabs = 4;  // that have the 64 points which are wanted at least

export function add_dab(x, y, label) {
  const last = dabs.at(-1);
  if (last && last.label === label && Math.hypot(last.x - x, last.y - y) < .07) return false;
  if (dabs.length >= kMost || Math.max(Math.abs(x), Math.abs(y)) > kReach) return false;
  // As the address will have it: what is drawn is what a link shows.
  const [qx, qy] = [x, y].map(v => from_byte(to_byte(v)));
  dabs.push({x: qx, y: qy, label});
  return true;
}

// A pointer that is fast tells of few places: the line between two of them is drawn, too. From null: a new stroke.
export function draw_line(from, [x, y], label) {
  const [x0, y0] = from ?? [x, y], pieces = Math.max(1, Math.ceil(Math.hypot(x - x0, y - y0) / .02));
  let drawn = false;
  for (let i = 1; i <= pieces; ++i)
    drawn = add_dab(x0 + (x - x0) * i / pieces, y0 + (y - y0) * i / pieces, label) || drawn;
  return drawn;
}

const to_byte = v => Math.round((v / kReach + 1) * 127.5);
const from_byte = b => (b / 127.5 - 1) * kReach;

export function dabs_text() {
  const bytes = dabs.flatMap(d => [to_byte(d.x), to_byte(d.y), d.label]);
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}
export function read_dabs(text) {
  dabs.length = 0;
  let bytes;
  try { bytes = atob(text.replace(/-/g, '+').replace(/_/g, '/')); } catch { return; }
  for (let i = 0; i + 2 < bytes.length && dabs.length < kMost; i += 3)
    dabs.push({x: from_byte(bytes.charCodeAt(i)), y: from_byte(bytes.charCodeAt(i + 1)),
               label: bytes.charCodeAt(i + 2) % 5});
}

// A small generator of random numbers from 0 to 1, the same in every browser.
function random(seed) {
  return () => {
    seed = seed + 0x6D2B79F5 | 0;
    let z = Math.imul(seed ^ seed >>> 15, 1 | seed);
    z = z + Math.imul(z ^ z >>> 7, 61 | z) ^ z;
    return ((z ^ z >>> 14) >>> 0) / 4294967296;
  };
}

export function drawn_points() {
  const points = new Float32Array(2 * kPerDab * dabs.length), labels = [];
  dabs.forEach((dab, d) => {
    const chance = random(d + 1);
    for (let k = 0; k < kPerDab; ++k) {  // evenly over a disc
      const r = kWidth * Math.sqrt(chance()), angle = 2 * Math.PI * chance();
      points[2 * (d * kPerDab + k)] = dab.x + r * Math.cos(angle);
      points[2 * (d * kPerDab + k) + 1] = dab.y + r * Math.sin(angle);
      labels.push(dab.label);
    }
  });
  return {points, labels};
}

// Of a row with semicolons or tabs a comma is that of a decimal fraction.
const fields_of = row => /[;\t]/.test(row) ? row.split(/\s*[;\t]\s*/).map(field => field.replace(',', '.')) : row.split(/\s*,\s*|\s+/);
const kLargest = 1e15;  // whose square, times a million, is a number of the library

// Rows of two numbers, and a class if there is a third column: x, y[, class], separated by comma,
// semicolon, tab or spaces. A first row that is no numbers is a head. Throws with the row's number.
export function read_table(text) {
  const rows = text.split(/\r?\n/).map((row, i) => [row.trim(), i + 1]).filter(([row]) => row);
  const points = [], names = [], labels = [];
  rows.forEach(([row, number], k) => {
    const fields = fields_of(row);
    const [x, y] = fields.slice(0, 2).map(field => field === '' ? NaN : Number(field));
    if (k === 0 && Number.isNaN(x) && Number.isNaN(y)) return;
    if (!(Math.abs(x) < kLargest && Math.abs(y) < kLargest) || fields.length > 3)
      throw new Error(`row ${number}: "${row.slice(0, 40)}" given; two numbers under ${kLargest} are wanted, and perhaps a class, e.g. "0.5, 1.2"`);
    points.push(x, y);
    if (fields[2] !== undefined) {
      if (!names.includes(fields[2])) names.push(fields[2]);
      labels.push(fields[2]);
    }
  });
  const count = points.length / 2;
  if (count < 64) throw new Error(`${count} ${count === 1 ? 'point' : 'points'} given; at least 64 are wanted`);
  if (labels.length && labels.length < count)
    throw new Error(`${labels.length} of ${count} rows have a class; all or none`);
  names.sort();
  const numbers = Float32Array.from(points), constant = [0, 1].find(i => numbers.every((v, k) => k % 2 !== i || v === numbers[i]));
  if (constant !== undefined) throw new Error(`column ${constant + 1} is ${points[constant]} in all rows; numbers that differ are wanted`);
  return {points: numbers, labels: labels.map(l => names.indexOf(l))};
}
