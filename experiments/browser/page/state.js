// What the reader has chosen, and the address that says it.
//
// The one idea: the state is a flat object; the part of the address behind # is what differs from
// `initial`. So a link is short, and whoever opens it sees the same page, untrained.

export const initial = {
  set: 'rings', own: '', maps: 'affine', couplings: 15, pairing: 'independent', by_class: 0,
  which: 'both', batch: 256, rate: 0.004, length: 10000, seed: 1, smooth: 0,
  t: 1, solver: 'euler', steps: 32, x: -0.69, y: 1.05, label: 0, card: '',
  samples: 1, density: 0, arrows: 0, grid: 0, lines: 0,
};
const ranges = {couplings: [2, 24], batch: [16, 512], rate: [1e-5, 0.1], length: [100, 100000],
                seed: [0, 1e9], t: [0, 1], steps: [1, 128], x: [-4, 4], y: [-4, 4], label: [0, 99],
                by_class: [0, 1], smooth: [0, 1], samples: [0, 1], density: [0, 1], arrows: [0, 1],
                grid: [0, 1], lines: [0, 1]};
const whole = ['couplings', 'batch', 'length', 'seed', 'steps', 'label'];
const choices = {maps: ['affine', 'spline'], pairing: ['independent', 'optimal'],
                 which: ['flow', 'matching', 'both'],
                 solver: ['euler', 'midpoint', 'heun', 'rk4']};

// Where the slider of the solver's steps stops.
export const solver_steps = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

export const state = {...initial};

// The text of a value as the value's own kind, or undefined if it makes no sense.
export function checked(name, text) {
  if (!Object.hasOwn(initial, name)) return undefined;
  if (Object.hasOwn(choices, name)) return choices[name].includes(text) ? text : undefined;
  if (!Object.hasOwn(ranges, name)) return String(text);
  const number = Number(text), [low, high] = ranges[name];
  if (text === '' || !Number.isFinite(number)) return undefined;
  const within = Math.min(high, Math.max(low, number));
  return whole.includes(name) ? Math.round(within) : within;
}

// A link that somebody has spoilt leaves the initial value where it makes no sense.
export function from_address(hash) {
  const found = {...initial};
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const value = checked(name, text);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

export function to_address(of) {
  const parts = new URLSearchParams();
  for (const name of Object.keys(initial))
    if (of[name] !== initial[name])
      parts.set(name, typeof of[name] === 'number' ? String(+of[name].toFixed(5)) : of[name]);
  return '#' + parts;
}

// Browsers refuse an address that changes many times a second: the last one is written.
let writing = 0;
export function remember() {
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, '', to_address(state)), 250);
}
