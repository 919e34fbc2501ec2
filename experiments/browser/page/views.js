// What the panels show: what is asked of the library for it, and how it is drawn.
import {class_color, color} from './colors.js';
import {dabs, drawn_points} from './own_data.js';
import {ask} from './engine_link.js';
import {Plane, cells, grid_lines, heat_image} from './plane.js';
import {state} from './state.js';

// Questions are small: whatever is asked takes the worker some tens of milliseconds at most.
const kSamples = 900, kTogether = 225, kDataShown = 2500;
const kArrows = 15, kGrid = 13, kAlong = 65, kLinesTogether = 3;
const arrow_places = cells(kArrows), grid_points = grid_lines(kGrid, kAlong, 2.6);
export const models = ['flow', 'matching'];

// Answers that have been kept: of each model, and of the data.
export const shown = {data: null, velocity: null, pairs: null, point: null,
                      flow: {}, matching: {}, drawing: false, training: false};

// The names of the classes that the models are told of; none, where they are not.
export const classes = () => state.by_class && shown.data?.classes || [];
const label = () => classes().length ? {label: state.label} : {};
const solver = () => ({solver: state.solver, steps: state.steps});

// State k of K+1 in an answer; samples, grid: (K+1, n, 2) flat.
const state_at = ({states, K}, k) => states.subarray(k * states.length / (K + 1), (k + 1) * states.length / (K + 1));
const nearest = answer => Math.round(state.t * answer.K);

// The states between two steps of the solver are on a straight line; a flow has none between layers.
function at_time(which, answer) {
  if (which === 'flow') return state_at(answer, nearest(answer));
  const place = state.t * answer.K, k = Math.min(answer.K - 1, Math.floor(place)), share = place - k;
  const a = state_at(answer, k), b = state_at(answer, k + 1);
  return a.map((v, i) => v + share * (b[i] - v));
}

export const jobs = {
  async point() {
    shown.point = await ask('point', {x: [state.x, state.y], ...solver(), ...label()});
  },
  async velocity() {
    shown.velocity = state.arrows &&
      (await ask('velocity', {points: arrow_places.slice(), t: Math.min(state.t, .999), ...label()})).v;
  },
  async samples() {
    const labels = classes().length ? classes().map((_, i) => i) : [undefined];
    const count = shown.training ? kSamples / 2 : kSamples;
    const rounds = Math.ceil(count / kTogether / labels.length), n = Math.ceil(count / rounds / labels.length);
    for (const which of models) {  // of each class as many, and the same noise for both models
      const parts = [];
      for (let round = 0; round < rounds; ++round)
        for (const label of labels)
          parts.push({label, ...await ask('samples', {which, n, seed: 3 + parts.length, label, ...solver()})});
      shown[which].samples = parts;
    }
  },
  async grid() {
    const size = 2 * kAlong * kLinesTogether;
    for (const which of models) {
      const parts = [];
      for (let i = 0; state.grid && i < grid_points.length; i += size)
        parts.push(await ask('carry', {which, points: grid_points.slice(i, i + size), to: 'data', ...solver(), ...label()}));
      shown[which].grid = parts;
    }
  },
  async pairs() {
    shown.pairs = state.lines !== 'none' && await ask('pairing');
  },
  // In strips, so that other questions and the training go on in between; coarse while it trains.
  async density() {
    if (!state.density) { for (const which of models) shown[which].heat = null; return; }
    const n = shown.training ? 32 : 60, points = cells(n), strip = shown.training ? 2 : 1;
    for (const which of models) {
      const log_p = new Float32Array(n * n);
      for (let row = 0; row < n; row += strip) {
        const part = points.slice(2 * n * row, 2 * n * Math.min(n, row + strip));
        log_p.set((await ask('density', {which, points: part, steps: shown.training ? 4 : 6, ...label()})).log_p, n * row);
      }
      const densities = log_p.map(Math.exp).filter(Number.isFinite).sort();
      // The brightest hundredth of the cells would leave the rest dark.
      shown[which].heat = heat_image(log_p, n, Math.max(.05, densities[Math.floor(.99 * densities.length)]));
    }
  },
};

let squares;
export function take_canvases($) {
  squares = Object.fromEntries(['data', ...models].map(id => [id, new Plane($(id))]));
  return squares;
}

function paint_data() {
  const plane = squares.data;
  plane.begin(); plane.axes();
  if (shown.drawing) {
    const {points, labels} = drawn_points();
    return plane.dots(points, state.by_class ? i => class_color(labels[i]) : color.cloud, {opacity: .8});
  }
  if (!shown.data) return;
  const points = shown.data.points.subarray(0, 2 * kDataShown), {labels} = shown.data;
  const lines = state.lines !== 'none' && shown.pairs?.[state.lines];
  plane.dots(points, labels?.length && classes().length ? i => class_color(labels[i]) : color.cloud,
             {opacity: lines ? .25 : .5});
  if (!lines) return;
  const {x0, x1} = lines, list = [];
  for (let i = 0; i < x0.length; i += 2) list.push([x0[i], x0[i + 1], x1[i], x1[i + 1]]);
  plane.lines(list, color.matching, {opacity: .65});
  plane.dots(x0, color.ink, {size: 3, opacity: 1});
}

function paint_model(which) {
  const plane = squares[which], {samples, grid, heat} = shown[which];
  const heat_seen = state.density && heat && state.t === 1;
  plane.begin();
  if (heat_seen) plane.heat(heat); else plane.axes();
  if (state.grid && grid) {
    const lines = [];
    for (const points of grid.map(part => at_time(which, part)))
      for (let i = 0; i < points.length; i += 2 * kAlong) lines.push(points.subarray(i, i + 2 * kAlong));
    plane.lines(lines, heat_seen ? '#ffffff' : color.guide, {width: .8, opacity: .75});
  }
  if (state.samples && samples)
    samples.forEach(part => plane.dots(at_time(which, part),
      heat_seen ? '#ffffff' : part.label !== undefined ? class_color(part.label) : color.cloud, {opacity: heat_seen ? .5 : .6}));
  if (which === 'matching' && state.arrows && shown.velocity)
    plane.arrows(arrow_places, shown.velocity, heat_seen ? '#ffffff' : color.guide);
  const point = shown.point?.[which];
  if (point) {
    const [x, y] = point.states, from_data = Math.hypot(x - state.x, y - state.y) < 1e-3;
    plane.trail(point.states, color[which], share => from_data ? 1 - share : share);
  }
  plane.handle(state.x, state.y);
}

export function paint_panels() {
  paint_data();
  models.forEach(paint_model);
}
export {nearest};
