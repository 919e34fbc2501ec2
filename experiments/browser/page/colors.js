// The one map of colours: what a colour means, here and in the report (experiments/draw/figure.h).
// The values stand in style.css as variables, so that dark mode changes them in one place.
// Canvases do not know CSS variables; this reads them for those.

const names = ['paper', 'ink', 'soft', 'rule', 'cloud', 'faint', 'guide', 'flow', 'matching',
               'class-0', 'class-1', 'class-2', 'class-3', 'class-4'];
export let color = {};

export function read_colors() {
  const style = getComputedStyle(document.documentElement);
  color = Object.fromEntries(names.map(name => [name, style.getPropertyValue('--' + name).trim()]));
}

// Classes have the rings' colours; ids are alphabetical: black, blue, green, red, yellow.
export const class_color = label => color['class-' + label % 5];

// Viridis, as the report's gnuplot has it: numbers and times, dark = low (noise), yellow = high.
const knots = ['440154', '482878', '3e4a89', '31688e', '26828e', '1f9e89', '35b779', '6ece58',
               'b5de2b', 'fde725'].map(hex => [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16)));

export function viridis(share) {  // 0 to 1 -> [r, g, b]
  const at = Math.min(1, Math.max(0, share || 0)) * (knots.length - 1);
  const k = Math.min(knots.length - 2, Math.floor(at));
  return knots[k].map((low, i) => Math.round(low + (at - k) * (knots[k + 1][i] - low)));
}
export const time_color = t => `rgb(${viridis(t)})`;
