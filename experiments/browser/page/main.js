// The page: choices on one side, pictures on the other, and the library in its Worker.
import {Guide, deal, mark} from './cards.js';
import {code_pane} from './code_pane.js';
import {CostTable, short} from './cost.js';
import {class_color, read_colors} from './colors.js';
import {ask, on_progress, start} from './engine_link.js';
import {excerpts} from './excerpts.js';
import {Curve, plot} from './loss_plot.js';
import {dabs, draw_line, dabs_text, drawn_points, kFewestDabs, read_dabs, read_table} from './own_data.js';
import {Pace, in_steps} from './pace.js';
import {Refresher} from './refresh.js';
import {Shelf, affected, choices_of, named, words} from './shelf.js';
import {checked, from_address, initial, remember, solver_steps, state} from './state.js';
import {TapeView} from './tape_view.js';
import {classes, finer_jobs, finish_picture, jobs, models, nearest, paint_panels, shown, take_canvases} from './views.js';

const $ = id => document.getElementById(id);
const curves = {flow: new Curve(), matching: new Curve(.97), matching_nats: new Curve(0)};
const shelves = {flow: new Shelf(), matching: new Shelf()}, pace = new Pace();
let sets = [], progress = {}, from_file = {}, pasted = null, tables = 0, playing = false, pen_class = 0;
const outdated = new Set();  // the models of a drawing to which something has been added since
const untrained = which => steps(which) ? '' : from_file[which] ? 'from a file' : 'untrained';
const listed = (...parts) => parts.filter(Boolean).join(', ');
const steps = which => progress[which]?.steps ?? 0;  // that a model has been trained
shown.steps = steps;

function announce(id, text) {  // where it is seen, however far down the page somebody is
  $(id).textContent = text;
  $(id).hidden = false;
  $(id).scrollIntoView({block: 'nearest'});
}
const trouble = error => announce('trouble', error.message ?? String(error));
const guarded = action => (...args) => Promise.resolve().then(() => action(...args)).catch(trouble);

// --- Drawing -------------------------------------------------------------------------------------

const planes = take_canvases($);
let frame = 0;
const repaint = () => { frame ||= requestAnimationFrame(() => { frame = 0; paint(); }); };  // once a frame at most
const {point, velocity, ...slow_jobs} = jobs;
const quick = new Refresher({point, velocity}, repaint, trouble);
const then_finer = (name, job) => async () => { await job(); if (!shown.training) patient.need('finer_' + name); };
const slow = new Refresher({...slow_jobs, nats, hash, grid: then_finer('grid', jobs.grid),
                            density: then_finer('density', jobs.density)}, repaint, trouble);
const patient = new Refresher(finer_jobs, repaint, trouble);
const need = (...names) => {
  if (names.includes('grid') || names.includes('density')) ++shown.version;
  quick.need(...names);
  slow.need(...names);
};
const need_all = () => need(...Object.keys(jobs), 'nats', 'hash');

async function hash() { $('hash').textContent = hash_text(await ask('hash')); }

const hash_text = h => `flow ${h.flow}, matching ${h.matching} (${h.arithmetic})`;

// The flow's loss is in nats; what matching trains by is not. So its density is asked for at 400
// points of the data, class by class, in small parts, between which other questions are answered.
async function nats() {
  if (!shown.data) return;
  const {points, labels} = shown.data, count = Math.min(400, points.length / 2), kinds = new Map();
  for (let i = 0; i < count; ++i) {
    const kind = classes().length ? labels[i] : undefined;
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push(points[2 * i], points[2 * i + 1]);
  }
  let sum = 0;
  for (const [label, own] of kinds)
    for (let i = 0; i < own.length; i += 100) {
      const part = Float32Array.from(own.slice(i, i + 100));
      sum -= (await ask('density', {which: 'matching', points: part, steps: 8, label})).log_p.reduce((a, b) => a + b, 0);
    }
  curves.matching_nats.add(steps('matching'), sum / count);
}

// With optimal pairs next to nothing is left of it; and a wide drawing begins higher than data of deviation 1.
function highest_error() {
  const highest = Math.max(.1, ...curves.matching.points.map(([, error]) => error));
  return state.pairing === 'optimal' ? 1.3 * highest : Math.max(2.2, highest);
}
const highest_nats = () => Math.max(3.2, Math.min(8, 1.04 * Math.max(...[curves.flow, curves.matching_nats].map(curve => curve.points[0]?.[1] ?? 0))));

function paint() {
  say();
  paint_panels();
  const length = Math.max(...models.map(steps)) || 500;  // the axis ends where the training does
  plot($('nats'), [{curve: curves.flow, colour: 'flow', name: 'flow'},
                   {curve: curves.matching_nats, colour: 'matching', name: 'matching'}],
       {floor: shown.data?.floor ?? null, length, high: highest_nats()});
  plot($('squares'), [{curve: curves.matching, colour: 'matching', name: 'error'}],
       {floor: matching_floor(), length, high: highest_error(), least: 0});
}

function say() {
  $('density-says').hidden = !state.density;
  $('couplings-say').hidden = state.maps !== 'spline';
  const layer = shown.flow.samples ? `layer ${nearest(shown.flow.samples[0])} of ${shown.flow.samples[0].K}` : '';
  $('say-flow').textContent = listed(layer, untrained('flow'));
  $('say-matching').textContent = listed(`time ${state.t.toFixed(2)}`, in_steps(state.steps, 'solver'), untrained('matching'));
  for (const which of models)  // what the question is not about
    $(which).classList.toggle('quiet', untrained(which) === 'untrained' && !in_training().includes(which));
  $('say-data').textContent = shown.drawing ? 'draw here' : !shown.data ? '' : state.lines && shown.pairs
    ? pairs_text(shown.pairs[state.pairing]) : `${shown.data.points.length / 2} points`;
  $('steps-said').textContent = state.steps;
  $('controls').elements.steps.ariaValueText = state.steps;
  $('train').textContent = shown.training ? 'Pause' : anew() ? 'Train anew' : 'Train';
  $('clock').textContent = clock_text();
  $('rate-now').textContent = (learning_rate() ?? state.rate).toPrecision(2);
  $('floor-says').hidden = shown.data?.floor == null;
  $('matching-floor-says').hidden = matching_floor() === null;
  $('units').textContent = units_text();
  $('followed-by').textContent = `${in_steps(state.steps)} of ${$('controls').elements.solver.selectedOptions[0].text}`;
  for (const which of models) say_before(which);
  $('place').textContent = `(${state.x.toFixed(2)}, ${state.y.toFixed(2)})`;
  models.forEach((which, i) => {
    const point = shown.point?.[which], cells = $('point-says').querySelectorAll('tbody tr')[i].cells;
    if (!point) return;
    cells[1].textContent = point.log_p < -1000 ? 'below -1000' : point.log_p.toFixed(2);
    cells[2].textContent = `(${point.states[0].toFixed(2)}, ${point.states[1].toFixed(2)})`;
    cells[3].textContent = point.round_trip && point.round_trip < .001 ? point.round_trip.toExponential(1) : short(point.round_trip);
  });
}

const matching_floor = () => state.pairing === 'independent' ? shown.data?.matching_floor ?? null : null;
const pairs_text = ({x0, x1}) => {
  let sum = 0;
  for (let i = 0; i < x0.length; i += 2) sum += Math.hypot(x0[i] - x1[i], x0[i + 1] - x1[i + 1]);
  return `and noise (dark) in ${state.pairing === 'optimal' ? 'optimal-transport' : 'independent'} pairs, ${(2 * sum / x0.length).toFixed(2)} apart on average`;
};
const in_training = () => models.filter(which => state.which === 'both' || state.which === which);

// What is trained, how fast by the clock on the wall, and for how long still.
function clock_text() {
  const fast = shown.training && pace.rate, left = fast > 0 && pace.left(state.length - least_steps());
  return `flow ${steps('flow')}, matching ${steps('matching')}\nof ${state.length} training steps` +
    (left ? `; ${Math.round(fast)}/s, ${left} left` : shown.training ? '' : of_before() ? ', old drawing' : done() ? ': done' : '');
}
// More of the same is of no use then: Train begins anew.
const done = () => in_training().every(which => progress[which]?.rate === 0);
const of_before = () => in_training().some(which => outdated.has(which));
const anew = () => done() || of_before();
const learning_rate = () => progress[in_training()[0]]?.rate;
const least_steps = () => Math.min(...in_training().map(steps));

// Densities are of the panels' coordinates.
function units_text() {
  if (!shown.data) return '';
  const {std, floor} = shown.data, shift = Math.log(std[0] * std[1]);
  return (shift === 0 ? '' : 'The panels show the data with mean 0 and deviation 1; in the data\'s own units p is ' +
    `${Math.exp(-shift).toPrecision(2)} times as large.`) +
    (floor === null ? '' : ` No model's mean log p over the data is above ${(-floor).toFixed(2)}.`);
}

function say_before(which) {
  const model = shelves[which].last, box = $('was-' + which);
  shown.before[which] = model?.pictures;
  box.hidden = !model;
  if (!model) return;
  const nats = model.curves[which === 'flow' ? 'flow' : 'matching_nats'].at(-1)?.[1];
  $('older-' + which).hidden = shelves[which].models.length < 2;
  box.querySelector('span').textContent = `Before: ${model.file ?? words(which, model.choices, state)}; ` +
    `${in_steps(model.progress.steps, 'training')}${nats === undefined ? '' : `, ${nats.toFixed(2)} nats`}.`;
}

// --- Data and models -----------------------------------------------------------------------------

async function load_data() {
  let answer;
  if (state.set !== 'own') answer = await ask('data', {set: by_class_name(state.set), seed: state.seed});
  else {
    const own = pasted ?? drawn_points();
    if (own.points.length < 128) return;  // still too few: the models keep what they have
    const labels = state.by_class && own.labels.length ? {labels: Float32Array.from(own.labels)} : {};
    answer = await ask('data', {points: own.points.slice(), drawn: !pasted, ...labels});
  }
  shown.data = answer;
  const names = classes();
  if (state.label >= names.length) state.label = 0;
  $('labels').hidden = names.length === 0;
  $('controls').elements.label.replaceChildren(...names.map((name, i) => new Option(name, i)));
  $('controls').elements.label.value = state.label;
}
// The set that has the classes: for the rings it is another one.
const by_class_name = name => state.by_class && sets.some(s => s.name === name + '_by_class') ? name + '_by_class' : name;

const curves_of = {flow: ['flow'], matching: ['matching', 'matching_nats']};
const own_data = () => state.set !== 'own' ? '' : pasted ? `table ${pasted.number}` : 'drawn';
const chosen = which => choices_of(which, {...made, own: made_data});
let made = {...state}, made_data = '', made_table = null;  // what the present models were made with

// Puts what has been trained on its shelf, for other models come; their pictures go with it.
async function set_aside(which) {
  ++shown.version;
  const file = from_file[which];
  if (!steps(which) && !file) return undefined;
  await finish_picture(which);
  const {std, floor} = shown.data, older = shelves[which].last;
  if (older) older.pictures.grid = null;  // it is large, and out of sight
  const model = shelves[which].put({choices: chosen(which), file, table: made_table, units: {std, floor},
    progress: progress[which] ?? {steps: 0}, pictures: shown[which],
    curves: Object.fromEntries(curves_of[which].map(name => [name, curves[name].points]))});
  await ask('keep', {which, place: model.place});
  return model;
}

// The models as they are chosen now: new ones, or those that have been put aside: `wanted`, or found.
async function bring(which, wanted) {
  made = {...state};
  made_data = own_data();
  made_table = pasted;
  let found = {};
  for (const one of which) {
    const shelf = shelves[one];
    found[one] = one in wanted ? wanted[one] : shelf.find(chosen(one));
    if (found[one]) shelf.take(found[one]);
  }
  const models_of = kept => ask('reset', {which: which.length === 1 ? which[0] : 'both', kept, seed: state.seed, maps: state.maps,
    couplings: state.couplings, pairing: state.pairing, by_class: classes().length > 0,
    batch: state.batch, rate: state.rate, steps: state.length, smooth: Boolean(state.smooth)});
  const kept = Object.fromEntries(which.filter(one => found[one]).map(one => [one, found[one].place]));
  const {points} = await models_of(kept).catch(error => {  // it does not fit what has been drawn since
    if (Object.keys(kept).length === 0) throw error;
    trouble(error);
    found = {};
    return models_of({});
  });
  if (points) shown.data.points = points;
  for (const one of which) {
    const model = found[one];
    Object.assign(shown.data, model?.units);
    shown[one] = model?.pictures ?? {};
    from_file[one] = model?.file;
    outdated.delete(one);
    if (model) progress[one] = model.progress; else delete progress[one];
    for (const name of curves_of[one]) curves[name].clear(model?.curves[name]);
  }
  Object.assign(shown, {point: null, velocity: null});
  pace.clear();
  $('opened').hidden = true;
  need_all();
  repaint();  // the panels are empty, and say so
}

// One after another, however fast the choices come.
let last_change = Promise.resolve(), changes = 0;
const in_turn = action => (...args) => {
  ++changes;
  return last_change = last_change.catch(() => {}).then(() => action(...args)).finally(() => --changes);
};

const kNew = {flow: undefined, matching: undefined};
const reset = () => changed_models(models, kNew);

// Back to the model before, and to the choices it was made with.
async function back(which) {
  const model = shelves[which].last, before = {...state};
  const {own, ...choices} = model.choices;
  Object.assign(state, choices);
  if (model.choices.set === 'own') pasted = model.table;
  show_choices();
  await changed_models([which, ...affected(Object.keys(initial).filter(name => state[name] !== before[name]))], {[which]: model},
    state.set !== before.set || state.by_class !== before.by_class || state.seed !== before.seed || own !== made_data);
  remember();
}

const changed_models = in_turn(async (which, wanted = {}, with_data = false) => {
  const training = shown.training, all = models.filter(one => which.includes(one));
  if (training) take_progress(await ask('pause'));
  for (const one of all) await set_aside(one);
  if (with_data) await load_data();
  await bring(all, wanted);
  if (training) await train(true);
});

async function train(on) {
  shown.training = on;
  $('train').setAttribute('aria-pressed', on);
  pace.clear();
  if (on) return ask('train', {which: state.which});
  take_progress(await ask('pause'));
  need_all();
}

function take_progress(event) {
  for (const which of models)
    if (event[which]) {
      progress[which] = event[which];
      if (event[which].steps) curves[which].add(event[which].steps, event[which].loss);
    }
}
let ticks = 0;
on_progress.call = event => {
  if (event.event === 'stopped') { guarded(train)(false); return trouble(new Error(event.error)); }
  take_progress(event);
  pace.add(least_steps(), performance.now());
  need('samples', 'point', 'grid', 'velocity');
  if (++ticks % 5 === 0) need('density');
  if (ticks % 20 === 0) need('nats');
  const finished = least_steps() >= state.length;
  if (finished && shown.training) guarded(train)(false);
};

// --- Choices -------------------------------------------------------------------------------------

const fields = [...$('controls').elements, $('t')].filter(field => field.name);
function show_choices() {
  for (const field of fields)
    if (field.type === 'checkbox') field.checked = Boolean(state[field.name]);
    else field.value = field.name === 'steps' ? solver_steps.findLastIndex(n => n <= state.steps) : state[field.name];
  mark($('deck'), state.card);
  guide.show(state.card);
}

const needs_data = ['set', 'own', 'by_class', 'seed'];
const needs_view = {t: ['velocity'], solver: ['samples', 'point', 'grid'], steps: ['samples', 'point', 'grid'],
                    density: ['density'], arrows: ['velocity'], grid: ['grid'], lines: ['pairs'], label: ['point', 'samples', 'velocity', 'density', 'grid']};

async function changed(...names) {
  remember();
  $('trouble').hidden = true;
  const training = shown.training;
  const others = affected(names);
  if (others.length) await changed_models(others, {}, names.some(name => needs_data.includes(name)));
  else if (names.includes('which') && training) await train(true);
  for (const name of names) need(...needs_view[name] ?? []);
  say();
  repaint();
  return others.length > 0;
}

for (const field of fields)
  field.addEventListener(field.type === 'range' ? 'input' : 'change', guarded(async () => {
    const value = checked(field.name, field.type === 'checkbox' ? Number(field.checked) : field.name === 'steps' ? solver_steps[field.value] : field.value);
    if (value === undefined) return show_choices();
    state[field.name] = value;
    const left = field.name === 'set' && (value === 'own' || !state.card) ? leave_card() : [];
    if (field.name === 'set') { shown.drawing = value === 'own' && !dabs.length && !pasted; pens(); }
    const couplings = state.couplings;
    if (field.name === 'maps') state.couplings = value === 'spline' ? 6 : 15;  // each can do more, and takes longer
    if (field.type !== 'range') show_choices();
    await changed(field.name, ...left, ...state.couplings === couplings ? [] : ['couplings']);
  }));

async function take_state(given) {
  const old = {...state};
  leave_card();
  const own = {...state};
  Object.assign(state, given);
  lend(own);
  if (state.set === 'own') read_dabs(state.own);
  show_choices();
  pens();
  const different = Object.keys(initial).filter(name => state[name] !== old[name]);
  return changed(...different);
}

async function open_card(card) {
  await train(false);
  shown.drawing = false;
  guide.card = undefined;  // from its first step, if it was open already
  if (!await take_state({...card.state, card: card.id})) await reset();
  show_code(card.code);
  await train(true);
  $('guide').scrollIntoView({behavior: 'smooth'});
  $('guide-on').focus({preventScroll: true});
}

// What a card has chosen is lent, {name: [before, chosen]}: left, it goes back where nobody has chosen otherwise since.
let lent = {};
function lend(before) {
  lent = !state.card ? {} : Object.fromEntries(Object.keys(initial).filter(name => name !== 'card' && state[name] !== before[name])
    .map(name => [name, [before[name], state[name]]]));
}
function leave_card(names = Object.keys(lent)) {  // gives the names of what has gone back
  state.card = '';
  return names.filter(name => {
    const [before, by_card] = lent[name], back = state[name] === by_card;
    delete lent[name];
    if (back) state[name] = before;
    return back;
  });
}
// What the models are made of goes back with the data: they outlive their card.
const close_card = () => leave_card(Object.keys(lent).filter(name => !affected([name]).length));

// --- Drawing one's own data, and dragging the point ----------------------------------------------

function pens() {
  $('pen').setAttribute('aria-pressed', shown.drawing);
  document.body.classList.toggle('drawing', shown.drawing);
  $('wipe').hidden = !shown.drawing;
  $('pens').hidden = !(shown.drawing && state.by_class);
  $('pens').replaceChildren(...[0, 1, 2, 3, 4].map(k => {
    const pen = document.createElement('button');
    Object.assign(pen, {type: 'button', className: 'swatch', ariaLabel: `class ${k}`,
                        onclick: () => { pen_class = k; pens(); }});
    pen.setAttribute('role', 'radio');
    pen.setAttribute('aria-checked', k === pen_class);
    pen.style.background = class_color(k);
    pen.style.outline = k === pen_class ? '2px solid var(--ink)' : '';
    return pen;
  }));
}
$('pen').onclick = guarded(async () => {
  shown.drawing = !shown.drawing;
  pens();
  if (shown.drawing) $('data').parentElement.scrollIntoView({block: 'nearest', behavior: 'smooth'});
  if (shown.drawing && state.set !== 'own') { state.set = 'own'; pasted = null; show_choices(); }
  if (!shown.drawing) await (dabs.length >= kFewestDabs ? drawn() : nothing_drawn());
  repaint();
});
$('wipe').onclick = () => { dabs.length = 0; repaint(); };  // from the panel: the data change with the next stroke
function nothing_drawn() {  // the data are as they were
  read_dabs(state.own);
  if (!state.own && !pasted) state.set = made.set;
  show_choices();
  remember();
}
async function drawn() {
  pasted = null;
  state.set = 'own';
  state.own = dabs_text();
  const left = leave_card();
  show_choices();
  remember();
  if (affected(left).length || made_data !== own_data()) return changed_models(models, {}, true);
  const before = classes().length;
  await load_data();
  if (classes().length !== before) return bring(models, kNew);
  if (!shown.training) for (const which of models.filter(steps)) outdated.add(which);
  need_all();
}
$('paste').onclick = guarded(async () => {
  pasted = {...read_table($('table').value), number: ++tables};
  shown.drawing = false;
  state.set = 'own';
  const left = leave_card();
  show_choices(); pens();
  await changed('set', ...left);
});

function on_drag(plane, move, end = () => {}) {
  const {canvas} = plane;
  let last = null;  // where the pointer was, within a stroke
  const follow = event => { const at = plane.at(event); move(...at, last); last = at; };
  canvas.addEventListener('pointerdown', event => { canvas.setPointerCapture(event.pointerId); last = null; follow(event); });
  canvas.addEventListener('pointermove', event => {  // of which the browser may have put several into one
    if (event.buttons) for (const one of [...event.getCoalescedEvents?.() ?? [], event]) follow(one);
  });
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, end);
}
on_drag(planes.data, (x, y, last) => { if (shown.drawing && draw_line(last, [x, y], state.by_class ? pen_class : 0)) repaint(); },
        guarded(async () => { if (shown.drawing && dabs.length >= kFewestDabs) await drawn(); }));
function move_point(x, y) {
  const rounded = v => Math.round(v * 1e4) / 1e4;  // as the address will have it
  Object.assign(state, {x: checked('x', rounded(x)), y: checked('y', rounded(y))});
  remember();
  need('point');
}
for (const which of models) {
  on_drag(planes[which], move_point);
  $(which).addEventListener('keydown', event => {
    const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
    if (!by) return;
    event.preventDefault();
    const size = event.shiftKey ? .2 : .04;
    move_point(state.x + size * by[0], state.y + size * by[1]);
  });
}

// --- The bar: train, step, reset, play -----------------------------------------------------------

$('train').onclick = guarded(async () => {
  if (!shown.training && anew()) await changed_models(in_training(), kNew);
  await train(!shown.training);
});
$('reset').onclick = guarded(reset);
$('one').onclick = guarded(async () => {
  if (shown.training) await train(false);
  const event = await ask('step', {which: state.which, steps: 1});
  take_progress(event);
  need_all();
});
$('play').onclick = () => {
  playing = !playing;
  $('play').setAttribute('aria-pressed', playing);
  if (!playing) return;
  const from = state.t >= 1 ? 0 : state.t, began = performance.now();
  const frame = now => {  // from noise to data in four seconds
    if (!playing) return;
    $('t').value = state.t = Math.min(1, Math.max(0, from + (now - began) / 4000));
    guarded(changed)('t');
    if (state.t < 1) return requestAnimationFrame(frame);
    playing = false;
    $('play').setAttribute('aria-pressed', false);
  };
  requestAnimationFrame(frame);
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, button, summary')) return;
  const button = {' ': 'train', s: 'one', r: 'reset', p: 'play'}[event.key.toLowerCase()];
  if (button) { event.preventDefault(); $(button).click(); }
});

// --- Cost, weights, tape -------------------------------------------------------------------------

const costs = new CostTable($('costs'));
$('cost').onclick = guarded(async () => {
  $('cost').disabled = true;
  try {
    const {pairing, solver, steps: taken} = state;  // as they are now, whatever is changed before the answer
    const {matching: file} = from_file, trained = untrained('matching') || (file ? 'a file\'s, and ' : '') + in_steps(steps('matching'));
    const asked = [[made_data || named(made.set), ...file ? [] : [pairing], trained].join('\n'), `${solver}\n${in_steps(taken)}`];
    const key = JSON.stringify([asked, chosen('matching'), from_file.matching]);
    $('costs').hidden = $('costs-say').hidden = false;
    await costs.ask(key, asked, () => ask('solver_cost', {solver, steps: taken}));
  } finally { $('cost').disabled = false; }
});
for (const which of models)
  $('save-' + which).onclick = guarded(async () => {
    const {bytes} = await ask('save', {which});
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([bytes]));
    link.download = which === 'flow' ? 'normalizing_flow.safetensors' : 'flow_matching.safetensors';
    link.click();
  });
const kMayBe = 'What can be opened: the weights of an experiment (normalizing_flow, spline_flow, ' +
  'flow_matching, smooth_flow_matching, and those that are told the class), what "gradflow fit" has made of a ' +
  'table of two columns (affine, maf, spline or flow-matching), and what this page has saved.';
const open_file = guarded(in_turn(async file => {
  await train(false);
  let told, aside = {};
  for (const which of models) aside[which] = await set_aside(which);
  try { told = await ask('load', {bytes: await file.arrayBuffer()}); } catch (error) {
    throw new Error(`${file.name} is not opened: ${error.message}. ${kMayBe}`);
  } finally {  // which of the two it displaces, the file says
    for (const which of models) if (which !== told?.which && aside[which]) shelves[which].take(aside[which]);
  }
  const {which, points, deviation: std} = told, {floor, std: before} = shown.data, area = ([x, y]) => Math.log(x * y);
  Object.assign(shown.data, {points, std, floor: floor && floor + area(before) - area(std)});  // in the units of the file
  close_card();
  show_choices();
  remember();
  from_file[which] = file.name;
  outdated.delete(which);
  shown[which] = {};
  progress[which] = (await ask('progress'))[which];
  for (const name of curves_of[which]) curves[name].clear();
  $('trouble').hidden = true;
  say_opened(file.name, told);
  need_all();
}));
function say_opened(name, {which, model, of_table, kind, layers, depth, units, parameters, mean, deviation, points}) {
  const size = kind === 'flow-matching' ? '' : `${layers} layers, `;
  const range = i => `${mean[i].toPrecision(3)} ± ${deviation[i].toPrecision(3)}`;
  const [x, y] = [0, 1].map(i => points.reduce((sum, v, k) => sum + (k % 2 === i ? v : 0), 0) / (points.length / 2));
  const foreign = Math.hypot(x, y) > .5 || !points.every(v => Math.abs(v) < 20);
  announce('opened', `Opened ${name}: ${of_table ? 'a table\'s ' : ''}${model}, ` +
    `${size}${parameters} weights, for x of ${range(0)} and y of ${range(1)}. It is now the page's ${which}; Train goes on ` +
    'from it, Reset begins a new one.' +
    (foreign ? ' The data shown are not those it was made for: choose or paste them first, then open it again.' : ''));
}
$('open').onchange = event => { if (event.target.files[0]) open_file(event.target.files[0]); };
document.addEventListener('dragover', event => event.preventDefault());
document.addEventListener('drop', event => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) open_file(event.dataTransfer.files[0]);
});

for (const which of models) {
  $('back-' + which).onclick = guarded(() => back(which));
  $('older-' + which).onclick = () => { shelves[which].turn(); repaint(); };
}
const guide = new Guide($);
$('guide-end').onclick = guarded(() => { const left = close_card(); show_choices(); return changed(...left); });
$('controls').elements.steps.max = solver_steps.length - 1;
$('ticks').replaceChildren(...solver_steps.map(n => Object.assign(document.createElement('span'), {textContent: n})));
const tape = new TapeView($);
const record = guarded(async () => tape.show((await ask('tape', {which: $('tape-of').value})).nodes));
$('tape-load').onclick = $('tape-of').onchange = record;

// --- The beginning -------------------------------------------------------------------------------

read_colors();
const show_code = code_pane(excerpts, $);
for (const button of document.querySelectorAll('[data-code]'))
  button.onclick = () => {
    show_code(button.dataset.code === 'coupling' ? state.maps : button.dataset.code);
    $('code').scrollIntoView({behavior: 'smooth'});
  };
deal($('deck'), guarded(open_card));
document.addEventListener('click', event => {  // a place that a card names
  const name = event.target.dataset?.place;
  if (!name) return;
  const field = $('controls').elements[name] ?? $(name);
  for (let part = field; (part = part.parentElement.closest('details'));) part.open = true;
  field.scrollIntoView({block: innerWidth < 700 ? 'center' : 'nearest', behavior: 'smooth'});
  field.focus({preventScroll: true});
});
$('to-cards').onclick = () => $('cards').scrollIntoView({behavior: 'smooth'});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { read_colors(); repaint(); });
addEventListener('resize', () => repaint());
// On a phone they cover what is scrolled to.
new ResizeObserver(() => document.documentElement.style.setProperty('--models', `${$('models').offsetHeight}px`)).observe($('models'));
addEventListener('hashchange', guarded(() => take_state(from_address(location.hash))));
if (innerWidth < 700) for (const part of document.querySelectorAll('#controls > details')) part.open = false;

guarded(async () => {
  repaint();
  await start();
  sets = await ask('sets');
  $('sets').replaceChildren(...sets.filter(set => !set.name.endsWith('_by_class')).map(set => Object.assign(new Option(named(set.name), set.name), {title: set.title ?? ''})),
                            new Option('your own', 'own'));
  Object.assign(state, from_address(location.hash));
  if (state.set !== 'own' && !sets.some(set => set.name === state.set)) state.set = initial.set;
  if (state.set === 'own') read_dabs(state.own);
  if (state.set === 'own' && drawn_points().points.length < 128) state.set = initial.set;
  lend(initial);
  show_choices();
  pens();
  await load_data();
  await reset();
  document.documentElement.dataset.ready = 'yes';
  performance.mark('ready');
})();

// For the tests, and for whoever is curious in the console.
window.lab = {ask, on_progress, state, shown, curves, get idle() { return !changes && quick.idle && slow.idle && !frame; }, get fine() { return patient.idle; }, get progress() { return progress; }};
