// The page: choices on one side, pictures on the other, and the library in its Worker.
import {cards, deal, mark} from './cards.js';
import {code_pane} from './code_pane.js';
import {class_color, read_colors} from './colors.js';
import {ask, on_progress, start} from './engine_link.js';
import {excerpts} from './excerpts.js';
import {Curve, plot} from './loss_plot.js';
import {add_dab, dabs, dabs_text, drawn_points, read_dabs, read_table} from './own_data.js';
import {Refresher} from './refresh.js';
import {checked, from_address, initial, remember, state} from './state.js';
import {TapeView} from './tape_view.js';
import {jobs, models, nearest, paint_panels, shown, take_canvases} from './views.js';

const $ = id => document.getElementById(id);
const curves = {flow: new Curve(), flow_nats: new Curve(0), matching: new Curve(.97), matching_nats: new Curve(.5)};
let sets = [], progress = {}, pasted = null, playing = false, pen_class = 0;

function trouble(error) {
  $('trouble').textContent = error.message ?? String(error);
  $('trouble').hidden = false;
}
const guarded = action => (...args) => Promise.resolve().then(() => action(...args)).catch(trouble);

// --- Drawing -------------------------------------------------------------------------------------

const planes = take_canvases($);
const refresh = new Refresher(
  {...jobs, nats, hash: async () => { $('hash').textContent = hash_text(await ask('hash')); }}, paint, trouble);
const need_all = () => refresh.need('point', 'velocity', 'samples', 'grid', 'pairs', 'density', 'nats', 'hash');

const hash_text = h => `flow ${h.flow}, matching ${h.matching} (${h.arithmetic})`;

// Both models by the same measure: how surprised they are by 256 points of the data.
async function nats() {
  if (!shown.data) return;
  const points = shown.data.points.slice(0, 512), labels = shown.data.labels;
  for (const which of models) {
    const own = state.by_class && labels?.length ? {labels: labels.slice(0, 256)} : {};
    const {log_p} = await ask('density', {which, points: points.slice(), steps: 12, ...own});
    curves[which + '_nats'].add(progress[which]?.steps ?? 0, -log_p.reduce((a, b) => a + b, 0) / log_p.length);
  }
}

function paint() {
  paint_panels();
  const length = Math.min(state.length, Math.max(500, 1.3 * (progress.flow?.steps ?? 0), 1.3 * (progress.matching?.steps ?? 0)));
  const at_most = Math.round(length);
  plot($('nats'), [{curve: curves.flow_nats, colour: 'flow', name: 'flow'},
                   {curve: curves.matching_nats, colour: 'matching', name: 'matching'}],
       {floor: shown.data?.floor ?? null, length: at_most, high: 3.2});
  plot($('squares'), [{curve: curves.matching, colour: 'matching', name: 'error'}],
       {floor: state.pairing === 'independent' ? shown.data?.matching_floor ?? null : null, length: at_most, high: 2.2});
  say();
}

function say() {
  const steps = which => progress[which]?.steps ?? 0;
  const layer = shown.flow.samples ? `layer ${nearest(shown.flow.samples)} of ${shown.flow.samples.K}` : '';
  $('say-flow').textContent = layer;
  $('say-matching').textContent = `time ${state.t.toFixed(2)}, ${state.steps} ${state.steps === 1 ? 'step' : 'steps'}`;
  $('say-data').textContent = shown.drawing ? 'draw here' : shown.data ? `${shown.data.points.length / 2} points` : '';
  $('steps-said').textContent = state.steps;
  const fast = which => Math.round(progress[which]?.steps_per_second ?? 0);
  const rate = progress.flow?.rate ?? progress.matching?.rate;
  $('clock').textContent = `steps: flow ${steps('flow')}, matching ${steps('matching')}` +
    (shown.training ? `; ${fast('flow')} and ${fast('matching')} a second` : '') +
    (rate === undefined ? '' : `; rate ${rate.toPrecision(2)}`);
  $('place').textContent = `(${state.x.toFixed(2)}, ${state.y.toFixed(2)})`;
  models.forEach((which, i) => {
    const point = shown.point?.[which], cells = $('point-says').querySelectorAll('tbody tr')[i].cells;
    if (!point) return;
    const n = point.states.length, end = Math.hypot(point.states[0] - state.x, point.states[1] - state.y) < 1e-3 ? n - 2 : 0;
    cells[1].textContent = point.log_p.toFixed(2);
    cells[2].textContent = `(${point.states[end].toFixed(2)}, ${point.states[end + 1].toFixed(2)})`;
    cells[3].textContent = `off by ${point.round_trip.toExponential(1)}`;
  });
}

// --- Data and models -----------------------------------------------------------------------------

async function load_data() {
  let answer;
  if (state.set !== 'own') answer = await ask('data', {set: by_class_name(state.set), seed: state.seed});
  else {
    const own = pasted ?? drawn_points();
    if (own.points.length < 128) return;  // still too few: the models keep what they have
    const labels = state.by_class && own.labels.length ? {labels: own.labels} : {};
    answer = await ask('data', {points: own.points.slice(), ...labels});
  }
  shown.data = answer;
  const names = answer.classes ?? [], count = Array.isArray(names) ? names.length : names;
  $('labels').hidden = !(state.by_class && count);
  $('controls').elements.label.replaceChildren(...Array.from({length: count}, (_, i) =>
    new Option(Array.isArray(names) ? names[i] : `class ${i}`, i, false, i === state.label)));
  if (count && state.label >= count) state.label = 0;
}
// The set that has the classes: for the rings it is another one.
const by_class_name = name => state.by_class && sets.some(s => s.name === name + '_by_class') ? name + '_by_class' : name;

async function reset() {
  await ask('reset', {seed: state.seed, maps: state.maps, couplings: state.couplings, pairing: state.pairing,
                      by_class: Boolean(state.by_class && $('controls').elements.label.options.length),
                      batch: state.batch, rate: state.rate, steps: state.length, smooth: Boolean(state.smooth)});
  progress = {};
  for (const curve of Object.values(curves)) curve.clear();
  need_all();
}

async function train(on) {
  shown.training = on;
  $('train').textContent = on ? 'Pause' : 'Train';
  $('train').setAttribute('aria-pressed', on);
  await ask(on ? 'train' : 'pause', on ? {which: state.which} : {});
  if (!on) need_all();
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
  take_progress(event);
  refresh.need('samples', 'point', 'grid', 'velocity');
  if (++ticks % 5 === 0) refresh.need('density', 'nats');
  const finished = models.filter(which => state.which === 'both' || state.which === which)
    .every(which => (progress[which]?.steps ?? 0) >= state.length);
  if (finished && shown.training) guarded(train)(false);
};

// --- Choices -------------------------------------------------------------------------------------

const fields = [...$('controls').elements, $('t')].filter(field => field.name);
function show_choices() {
  for (const field of fields)
    if (field.type === 'checkbox') field.checked = Boolean(state[field.name]);
    else field.value = state[field.name];
  mark($('deck'), state.card);
}

const needs_data = ['set', 'by_class'];
const needs_reset = ['maps', 'couplings', 'pairing', 'batch', 'rate', 'length', 'seed', 'smooth', ...needs_data];
const needs_view = {t: ['velocity'], solver: ['samples', 'point', 'grid'], steps: ['samples', 'point', 'grid'],
                    density: ['density'], arrows: ['velocity'], grid: ['grid'], lines: ['pairs'], label: ['point', 'samples', 'velocity', 'density', 'grid']};

async function changed(...names) {
  remember();
  $('trouble').hidden = true;
  const training = shown.training;
  if (names.some(name => needs_data.includes(name))) await load_data();
  if (names.some(name => needs_reset.includes(name))) {
    await reset();
    if (training) await train(true);
  } else if (names.includes('which') && training) await train(true);
  for (const name of names) refresh.need(...needs_view[name] ?? []);
  say();
  refresh.repaint();
}

for (const field of fields)
  field.addEventListener(field.type === 'range' ? 'input' : 'change', guarded(async () => {
    const value = checked(field.name, field.type === 'checkbox' ? Number(field.checked) : field.value);
    if (value === undefined) return show_choices();
    state[field.name] = value;
    if (field.name === 'set' && value !== 'own') { shown.drawing = false; pens(); }
    if (field.type !== 'range') show_choices();
    await changed(field.name);
  }));

async function take_state(given) {
  const old = {...state};
  Object.assign(state, given);
  if (state.set === 'own') read_dabs(state.own);
  show_choices();
  pens();
  const different = Object.keys(initial).filter(name => state[name] !== old[name]);
  await changed(...different);
}

async function open_card(card) {
  await train(false);
  shown.drawing = false;
  await take_state({...card.state, card: card.id});
  show_code(card.code);
  await reset();
  await train(true);
  $('bar').scrollIntoView({behavior: 'smooth'});
}

// --- Drawing one's own data, and dragging the point ----------------------------------------------

function pens() {
  $('pen').setAttribute('aria-pressed', shown.drawing);
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
  if (shown.drawing && state.set !== 'own') { state.set = 'own'; pasted = null; show_choices(); }
  if (!shown.drawing) await drawn();
  refresh.repaint();
});
$('wipe').onclick = () => { dabs.length = 0; state.own = ''; remember(); refresh.repaint(); };
async function drawn() {
  pasted = null;
  state.set = 'own';
  state.own = dabs_text();
  show_choices();
  remember();
  await load_data();
  need_all();
}
$('paste').onclick = guarded(async () => {
  pasted = read_table($('table').value);
  shown.drawing = false;
  state.set = 'own';
  show_choices(); pens();
  await changed('set');
});

function on_drag(plane, move, end = () => {}) {
  const {canvas} = plane;
  canvas.addEventListener('pointerdown', event => { canvas.setPointerCapture(event.pointerId); move(...plane.at(event)); });
  canvas.addEventListener('pointermove', event => { if (event.buttons) move(...plane.at(event)); });
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, end);
}
on_drag(planes.data, (x, y) => { if (shown.drawing && add_dab(x, y, state.by_class ? pen_class : 0)) refresh.repaint(); },
        guarded(async () => { if (shown.drawing && dabs.length >= 4) await drawn(); }));
function move_point(x, y) {
  Object.assign(state, {x: checked('x', x), y: checked('y', y)});
  remember();
  refresh.need('point');
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

$('train').onclick = guarded(() => train(!shown.training));
$('reset').onclick = guarded(async () => { const on = shown.training; await reset(); if (on) await train(true); });
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
  let last = performance.now();
  const frame = now => {  // from noise to data in four seconds, and a rest there
    if (!playing) return;
    if (now - last > 30) {
      state.t = state.t >= 1 ? (now - last > 900 ? 0 : 1) : Math.min(1, state.t + (now - last) / 4000);
      if (state.t < 1 || now - last > 900) last = now;
      if (state.t === 1) last = now;
      $('t').value = state.t;
      if (state.t >= 1) { playing = false; $('play').setAttribute('aria-pressed', false); remember(); }
      changed('t');
    }
    requestAnimationFrame(frame);
  };
  if (state.t >= 1) state.t = 0;
  requestAnimationFrame(frame);
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, button, summary')) return;
  const button = {' ': 'train', s: 'one', r: 'reset', p: 'play'}[event.key.toLowerCase()];
  if (button) { event.preventDefault(); $(button).click(); }
});

// --- Cost, weights, tape -------------------------------------------------------------------------

$('cost').onclick = guarded(async () => {
  $('cost').disabled = true;
  try {
    const {cost} = await ask('solver_cost', {solver: state.solver, steps: state.steps});
    const row = $('costs').tBodies[0].insertRow(0);
    for (const text of [state.pairing, state.solver, state.steps, cost.toFixed(3)])
      row.insertCell().textContent = text;
    while ($('costs').tBodies[0].rows.length > 8) $('costs').tBodies[0].deleteRow(-1);
    $('costs').hidden = false;
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
const open_file = guarded(async file => {
  await train(false);
  const {which} = await ask('load', {bytes: await file.arrayBuffer()});
  $('trouble').hidden = true;
  curves[which].clear(); curves[which + '_nats'].clear();
  need_all();
});
$('open').onchange = event => { if (event.target.files[0]) open_file(event.target.files[0]); };
document.addEventListener('dragover', event => event.preventDefault());
document.addEventListener('drop', event => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) open_file(event.dataTransfer.files[0]);
});

const tape = new TapeView($);
const record = guarded(async () => tape.show((await ask('tape', {which: $('tape-of').value})).nodes));
$('tape-load').onclick = $('tape-of').onchange = record;

// --- The beginning -------------------------------------------------------------------------------

read_colors();
const show_code = code_pane(excerpts, $);
deal($('deck'), guarded(open_card));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { read_colors(); refresh.repaint(); });
addEventListener('resize', () => refresh.repaint());
addEventListener('hashchange', guarded(() => take_state(from_address(location.hash))));
if (innerWidth < 700) for (const part of document.querySelectorAll('#controls > details')) part.open = false;

guarded(async () => {
  await start();
  sets = await ask('sets');
  $('sets').replaceChildren(...sets.filter(set => !set.name.endsWith('_by_class')).map(set => new Option(set.title ?? set.name, set.name)),
                            new Option('your own', 'own'));
  Object.assign(state, from_address(location.hash));
  if (state.set !== 'own' && !sets.some(set => set.name === state.set)) state.set = initial.set;
  if (state.set === 'own') read_dabs(state.own);
  show_choices();
  pens();
  await load_data();
  await reset();
  document.documentElement.dataset.ready = 'yes';
})();

// For the tests, and for whoever is curious in the console.
window.lab = {ask, state, shown, curves, refresh, get progress() { return progress; }};
