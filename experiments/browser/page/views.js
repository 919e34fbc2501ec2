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
// has been displaced meanwhile.
async function picture(which, name, of, asked) {
  const own = shown[which], key = JSON.stringify([shown.steps(which), of, label(), shown.training]);
  if (own[name] && own.keys?.[name] === key) return;
  const answer = await asked();
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
    const labels = classes().length ? classes().map((_, i) => i) : [undefined];
    const count = shown.training ? kSamples / 2 : kSamples;
    const rounds = Math.ceil(count / kTogether / labels.length), n = Math.ceil(count / rounds / labels.length);
    for (const which of models)  // of each class as many, and the same noise for both models
      await picture(which, 'samples', [labels, solver()], async () => {
        const parts = [];
        for (let round = 0; round < rounds; ++round)
          for (const label of labels)
            parts.push({label, ...await ask('samples', {which, n, seed: 3 + parts.length, label, ...solver()})});
        return parts;
      });
  },
  async grid() {
    for (const which of models)
      if (!state.grid) shown[which].grid = null;
      else await picture(which, 'grid', solver(), () => warp(square_grid(kLines, kAlong, 2.6), carrying(which)));
  },
  async pairs() {
    shown.pairs = state.lines && await ask('pairing');
  },
  // Coarse while it trains.
  async density() {
    for (const which of models)
      if (!state.density) shown[which].heat = null;
      else await picture(which, 'heat', '', () => heat_of(which, shown.training ? kCells.training : kCells.first));
  },
};

// What can wait: the same more finely, unless it has grown old meanwhile.
const until_old = () => { const {version} = shown; return () => version === shown.version && !shown.training; };
export const finer_jobs = {
  async finer_grid() {
    const go_on = until_old();
    for (const which of models)
      if (state.grid && shown[which].grid) await refine(shown[which].grid, carrying(which), go_on);
  },
  async finer_density() {
    const go_on = until_old();
    for (const n of kCells.finer)
      for (const which of models) {
        const own = shown[which], heat = state.density && own.heat && !(own.heat.width >= n) && await heat_of(which, n, go_on);
        if (heat && shown[which] === own) own.heat = heat;
      }
  },
};

// Before a model is put aside: a picture that may have been made in the haste of training.
export async function finish_picture(which) {
  const own = shown[which];
  if (state.density && !(own.heat?.width >= kCells.aside)) own.heat = await heat_of(which, kCells.aside);
  if (state.grid && own.grid) await refine(own.grid, carrying(which), () => true);
}

const carrying = which => points => ask('carry', {which, points, to: 'data', ...solver(), ...label()});

// The density in n x n cells, in strips, so that other questions and the training go on in between.
async function heat_of(which, n, go_on = () => true) {
  const points = cells(n), log_p = new Float32Array(n * n), strip = Math.max(1, Math.floor(64 / n));
  for (let row = 0; row < n; row += strip) {
    if (!go_on()) return undefined;
    const part = points.slice(2 * n * row, 2 * n * Math.min(n, row + strip));
    log_p.set((await ask('density', {which, points: part, steps: shown.training ? 4 : 6, ...label()})).log_p, n * row);
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

function paint_model(which, plane, {samples, grid, heat}) {
  const heat_seen = state.density && heat && state.t === 1;
  plane.begin();
  if (heat_seen) plane.heat(heat); else plane.axes();
  if (state.grid && grid) {
    const K = grid[0].paths[0].length / 2 - 1;
    plane.lines(lines_at(grid, place_at_time(which, {K})), heat_seen ? '#ffffff' : color.guide, {width: .6, opacity: .75});
  }
  if ((state.samples || state.density && !heat_seen) && samples)
    samples.forEach(part => plane.dots(at_time(which, part),
      heat_seen ? '#ffffff' : part.label !== undefined ? class_color(part.label) : color.cloud, {opacity: heat_seen ? .5 : .6}));
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
function empty(which) {  // of all that is to be seen, for now
  const wanted = [['samples', 'samples'], ['grid', 'grid'], ['density', 'heat']].filter(([choice]) => state[choice]);
  return wanted.length > 0 && wanted.every(([, picture]) => !shown[which][picture]);
}

export function paint_panels() {
  paint_data();
  for (const which of models) {
    paint_model(which, squares[which], shown[which]);
    if (empty(which)) squares[which].say(kWait);
    paint_question(which);
    if (shown.before[which]) paint_model(which, squares['before-' + which], shown.before[which]);
  }
}
export {nearest};
