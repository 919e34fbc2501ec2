// What the panels show: what is asked of the library for it, and how it is drawn.
import {class_color, color} from './colors.js';
import {dabs, drawn_points} from './own_data.js';
import {ask} from './engine_link.js';
import {lines_at, refine, square_grid, warp} from './grid.js';
import {Plane, cells, heat_image} from './plane.js';
import {state} from './state.js';

// Questions are small: whatever is asked takes the worker some tens of milliseconds at most.
const kSamples = 900, kTogether = 225, kDataShown = 2500;
const kArrows = 15, kLines = 25, kAlong = 49;
const kCells = {training: 32, first: 60, aside: 90, finer: [120, 240]};  // a side of the picture of a density
const arrow_places = cells(kArrows);
export const models = ['flow', 'matching'];

// Answers that have been kept: of each model, and of the data. `version` counts what makes pictures old;
// `steps` says how many of training a model has behind it.
export const shown = {data: null, velocity: null, pairs: null, point: null,
                      flow: {}, matching: {}, before: {}, drawing: false, training: false, version: 0, steps: () => 0};

// The names of the classes that the models are told of; none, where they are not.
export const classes = () => state.by_class && shown.data?.classes || [];
const label = () => classes().length ? {label: state.label} : {};
const solver = () => ({solver: state.solver, steps: state.steps});

// State k of K+1 in an answer: (K+1, n, 2) flat.
const state_at = ({states, K}, k) => states.subarray(k * states.length / (K + 1), (k + 1) * states.length / (K + 1));
const nearest = answer => Math.round(state.t * answer.K);

// The states between two steps of the solver are on a straight line; a flow has none between layers.
const place_at_time = (which, answer) => which === 'flow' ? nearest(answer) : state.t * answer.K;
function at_time(which, answer) {
  const place = place_at_time(which, answer), k = Math.min(answer.K - 1, Math.floor(place)), share = place - k;
  const a = state_at(answer, k), b = state_at(answer, k + 1);
  return a.map((v, i) => v + share * (b[i] - v));
}

// The states of one point that was carried to the noise, as all others are: from the noise to the data.
const from_noise = states => ({K: states.length / 2 - 1, states: states.map((_, i) => states[states.length - 2 - i + 2 * (i % 2)])});

// A picture of a model: asked for only if something that it is of has changed; and nobody's, if the model
// has been displaced meanwhile. Asked by `of` alone: what is chosen may change, or a training end, before it is whole.
async function picture(which, name, of, asked) {
  const own = shown[which], key = JSON.stringify([shown.steps(which), of]);
  if (own[name] && own.keys?.[name] === key) return;
  const answer = await asked(of);
  if (shown[which] === own && answer !== undefined) Object.assign(own, {[name]: answer, keys: {...own.keys, [name]: key}});
}

export const jobs = {
  async point() {
    const answer = await ask('point', {x: [state.x, state.y], ...solver(), ...label()});
    shown.point = Object.fromEntries(models.map(which => [which, {...answer[which], ...from_noise(answer[which].states)}]));
  },
  async velocity() {
    shown.velocity = state.arrows &&
      (await ask('velocity', {points: arrow_places.slice(), t: Math.min(state.t, .999), ...label()})).v;
  },
  async samples() {
    for (const which of models) await picture(which, 'samples', samples_wanted(shown.training ? kSamples / 2 : kSamples), of => samples_of(which, of));
  },
  async grid() {
    for (const which of models)
      if (!state.grid) shown[which].grid = null;
      else await picture(which, 'grid', looked_at_by(), of => warp(square_grid(kLines, kAlong, 2.6), carrying(which, of)));
  },
  async pairs() {
    shown.pairs = state.lines && await ask('pairing');
  },
  // Coarse while it trains.
  async density() {
    for (const which of models)
      if (!state.density) shown[which].heat = null;
      else await picture(which, 'heat', heat_wanted(shown.training ? kCells.training : kCells.first), of => heat_of(which, of));
  },
};

// What can wait: the same more finely, unless it has grown old meanwhile.
const until_old = () => { const {version} = shown; return () => version === shown.version && !shown.training; };
export const finer_jobs = {
  async finer_grid() {
    const go_on = until_old();
    for (const which of models)
      if (state.grid && shown[which].grid) await refine(shown[which].grid, carrying(which, looked_at_by()), go_on);
  },
  async finer_density() {
    const go_on = until_old();
    for (const n of kCells.finer)
      for (const which of models) {
        const own = shown[which], heat = state.density && own.heat && !(own.heat.width >= n) && await heat_of(which, heat_wanted(n), go_on);
        if (heat && shown[which] === own) own.heat = heat;
      }
  },
};

// Before a model is put aside: pictures that may have been made in the haste of training.
export async function finish_picture(which) {
  const own = shown[which];
  await picture(which, 'samples', samples_wanted(kSamples), of => samples_of(which, of));
  if (state.density && !(own.heat?.width >= kCells.aside)) own.heat = await heat_of(which, heat_wanted(kCells.aside));
  if (state.grid && own.grid) await refine(own.grid, carrying(which, looked_at_by()), () => true);
}

const looked_at_by = () => ({...solver(), ...label()});
const carrying = (which, of) => points => ask('carry', {which, points, to: 'data', ...of});

// Of each class as many, and the same noise for both models.
function samples_wanted(count) {
  const labels = classes().length ? classes().map((_, i) => i) : [null];
  const rounds = Math.ceil(count / kTogether / labels.length);
  return {rounds, n: Math.ceil(count / rounds / labels.length), labels, solver: solver()};
}
async function samples_of(which, {rounds, n, labels, solver}) {
  const parts = [];
  for (let round = 0; round < rounds; ++round)
    for (const label of labels) parts.push({label, ...await ask('samples', {which, n, seed: 3 + parts.length, label, ...solver})});
  return parts;
}

// The density in n x n cells, in strips, so that other questions and the training go on in between.
const heat_wanted = n => ({n, steps: n === kCells.training ? 4 : 6, label: null, ...label()});
async function heat_of(which, {n, steps, label}, go_on = () => true) {
  const points = cells(n), log_p = new Float32Array(n * n), strip = Math.max(1, Math.floor(64 / n));
  for (let row = 0; row < n; row += strip) {
    if (!go_on()) return undefined;
    const part = points.slice(2 * n * row, 2 * n * Math.min(n, row + strip));
    log_p.set((await ask('density', {which, points: part, steps, label})).log_p, n * row);
  }
  const densities = log_p.map(Math.exp).filter(Number.isFinite).sort();
  // The brightest hundredth of the cells would leave the rest dark.
  return heat_image(log_p, n, Math.max(.05, densities[Math.floor(.99 * densities.length)]));
}

let squares;
export function take_canvases($) {
  squares = Object.fromEntries(['data', ...models, ...models.map(which => 'before-' + which)].map(id => [id, new Plane($(id))]));
  return squares;
}

function paint_data() {
  const plane = squares.data;
  plane.begin(); plane.axes();
  if (shown.drawing) {
    const {points, labels} = drawn_points();
    return plane.dots(points, state.by_class ? i => class_color(labels[i]) : color.cloud, {opacity: .8});
  }
  if (!shown.data) return plane.say(kWait);
  const points = shown.data.points.subarray(0, 2 * kDataShown), {labels} = shown.data;
  const lines = state.lines && shown.pairs?.[state.pairing];
  plane.dots(points, labels?.length && classes().length ? i => class_color(labels[i]) : color.cloud,
             {opacity: lines ? .25 : .5});
  if (!lines) return;
  const {x0, x1} = lines, list = [];
  for (let i = 0; i < x0.length; i += 2) list.push([x0[i], x0[i + 1], x1[i], x1[i + 1]]);
  plane.lines(list, color.matching, {opacity: .65});
  plane.dots(x0, color.ink, {size: 3, opacity: 1});
}

function paint_model(which, plane, {samples, grid, heat}, stand_in = false) {
  const heat_seen = state.density && heat && state.t === 1;
  plane.begin();
  if (heat_seen) plane.heat(heat); else plane.axes();
  if (state.grid && grid) {
    const K = grid[0].paths[0].length / 2 - 1, lines = lines_at(grid, place_at_time(which, {K})), half = lines.length / 2;
    // Where it is stretched much, both families lie along the stretch: only colours tell them apart.
    for (const [family, colour] of [[lines.slice(0, half), color.guide], [lines.slice(half), color[which]]])
      plane.lines(family, heat_seen ? '#ffffff' : colour, heat_seen ? {width: .4, opacity: .4} : {width: .6, opacity: .75});
  }
  if ((state.samples || state.density && !heat_seen || stand_in) && samples)
    samples.forEach(part => plane.dots(at_time(which, part),
      heat_seen ? '#ffffff' : part.label === null ? color.cloud : class_color(part.label), {opacity: heat_seen ? .5 : .6}));
}

function paint_question(which) {  // what is asked of a model beside: arrows, and the point
  const plane = squares[which], light = state.density && shown[which].heat && state.t === 1;
  if (which === 'matching' && state.arrows && shown.velocity)
    plane.arrows(arrow_places, shown.velocity, light ? '#ffffff' : color.guide);
  const point = shown.point?.[which];
  if (point) plane.trail(point.states, color[which]);
  plane.handle(state.x, state.y);
  if (point) plane.mark(...at_time(which, point), color[which]);
}

const kWait = 'computing ...';
function empty(pictures) {  // of all that is to be seen, for now
  const wanted = [['samples', 'samples'], ['grid', 'grid'], ['density', 'heat']].filter(([choice]) => state[choice]);
  return wanted.length > 0 && wanted.every(([, picture]) => !pictures[picture]);
}

export function paint_panels() {
  paint_data();
  for (const which of models) {
    paint_model(which, squares[which], shown[which]);
    if (empty(shown[which])) squares[which].say(kWait);
    paint_question(which);
    const before = shown.before[which];
    if (before) paint_model(which, squares['before-' + which], before, empty(before));  // its points, whatever else it was never asked for
  }
}
export {nearest};
