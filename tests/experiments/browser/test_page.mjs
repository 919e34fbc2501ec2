// The page in a real browser: node test_page.mjs PAGE.html [PART_OF_A_NAME]
//
// Loads, trains, draws, drags, walks along the tape, saves, opens what it has saved, and comes back
// from its address. Times are told, not judged: they are the machine's.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {Browser} from './chromium.mjs';
import {solver_steps} from '../../../experiments/browser/page/state.js';

const [file, part = ''] = process.argv.slice(2);
const url = pathToFileURL(file).href;
const weights = join(dirname(fileURLToPath(import.meta.url)), '../../browser/weights');
const browser = new Browser(process.env.CHROMIUM ?? '/usr/bin/chromium');
const done = what => console.log(`ok: ${what}`);
const click = (page, id) => page.run(`document.getElementById('${id}').click()`);
function place_of(steps) {  // of the slider that has them
  assert.ok(solver_steps.includes(steps), `${steps} steps`);
  return solver_steps.indexOf(steps);
}
const choose = (page, name, value) => page.run(`(() => {
  const field = document.querySelector('[name=${name}]'), place = ${JSON.stringify(name === 'steps' ? place_of(value) : value)};
  if (field.type === 'checkbox') field.checked = place; else field.value = place;
  field.dispatchEvent(new Event(field.type === 'range' ? 'input' : 'change', {bubbles: true})); })()`);
// A canvas in as many numbers as say whether it shows something else.
const seen = (page, id) => page.run(`(() => { const c = document.getElementById('${id}');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = 0, kinds = new Set();
  for (let i = 0; i < d.length; i += 4) { s = (s * 31 + d[i] + 256 * d[i + 1]) % 1e9; kinds.add(d[i]); }
  return {sum: s, kinds: kinds.size}; })()`);
// The texts in a canvas, as it is painted once more.
async function written(page, id) {
  await page.run(`(() => { const pen = document.getElementById('${id}').getContext('2d'), write = pen.fillText;
    window.texts = []; pen.fillText = (...args) => { texts.push(args[0]); write.apply(pen, args); }; })()`);
  await choose(page, 't', 1); await idle(page);
  return page.run(`(delete document.getElementById('${id}').getContext('2d').fillText, texts)`);
}
const idle = page => page.until('lab.idle', 'all is drawn');

const tests = {
  async 'loads, and draws'(page) {
    await idle(page);
    for (const id of ['data', 'flow', 'matching']) assert.ok((await seen(page, id)).kinds > 3, `${id} is empty`);
    assert.deepEqual(await page.run(`['flow', 'matching'].map(which => document.getElementById('say-' + which).textContent)`),
      ['layer 15 of 15, untrained', 'time 1.00, 32 solver steps, untrained']);
    await page.run('lab.shown.flow = {}');  // before there are samples
    assert.equal((await written(page, 'flow')).at(-1), 'computing ...');
    assert.equal(await page.run(`document.getElementById('say-flow').textContent`), 'untrained');
    await click(page, 'reset'); await page.until('lab.shown.flow.samples && lab.idle', 'samples');
    assert.deepEqual(await written(page, 'flow'), []);
    const ready = await page.run(`performance.getEntriesByName('ready')[0].startTime`);
    console.log(`    first answer of the library after ${ready.toFixed(0)} ms`);
  },

  // Well under 2.84 nats, where every flow begins, and under 2, the error of not knowing anything.
  async 'trains on three sets'(page) {
    for (const [set, nats, error] of [['rings', 2.65, 1.65], ['moons', 2.4, 1.65], ['eight_gaussians', 2.3, 1.65]]) {
      await choose(page, 'set', set);
      await page.until(`lab.state.set === '${set}' && !(lab.progress.flow?.steps)`, 'new models');
      await idle(page);
      await click(page, 'train');
      await page.until('lab.progress.flow?.steps >= 600', '600 steps', 120);
      await click(page, 'train');
      await page.until(`!lab.shown.training`, 'it pauses');
      const {flow, matching} = await page.run('lab.progress');
      await idle(page);
      for (const plot of ['nats', 'squares']) {
        const texts = await written(page, plot), end = await page.run('Math.max(lab.progress.flow.steps, lab.progress.matching.steps)');
        assert.ok(texts.includes(`${end} training steps`), `the axis ends where the training does, ${end}: ${texts}`);
      }
      assert.ok(flow.loss < nats && matching.loss < error, `${set}: ${flow.loss} nats, ${matching.loss}`);
      console.log(`    ${set}: ${flow.steps} steps, ${flow.loss.toFixed(2)} nats; matching ${matching.loss.toFixed(2)}`);
    }
  },

  async 'answers while it trains'(page) {
    await choose(page, 'set', 'rings');
    await click(page, 'train');
    await page.until('lab.progress.flow?.steps > 50', 'it trains');
    const times = [];
    for (let i = 0; i < 12; ++i)  // until a dragged point is drawn: asked, answered, painted
      times.push(await page.run(`(async () => { const began = performance.now();
        const before = lab.shown.point, canvas = document.getElementById('flow'), b = canvas.getBoundingClientRect();
        for (const type of ['pointerdown', 'pointerup']) canvas.dispatchEvent(new PointerEvent(type,
          {clientX: b.x + b.width * (.3 + .03 * ${i}), clientY: b.y + b.height * .4, buttons: 1, pointerId: 1}));
        while (lab.shown.point === before) await new Promise(requestAnimationFrame);
        return performance.now() - began; })()`));
    times.sort((a, b) => a - b);
    console.log(`    a dragged point is there after ${times[6].toFixed(0)} ms (median), ${times[11].toFixed(0)} at most`);
    const pages = await page.run(`(async () => { let longest = 0, last = performance.now();
      for (const end = last + 1000; last < end;) { await new Promise(r => setTimeout(r));
        const now = performance.now(); longest = Math.max(longest, now - last); last = now; } return longest; })()`);
    console.log(`    the page itself was never busy for longer than ${pages.toFixed(0)} ms`);
    const rates = await page.run('[lab.progress.flow.steps_per_second, lab.progress.matching.steps_per_second]');
    console.log(`    steps a second: flow ${rates[0].toFixed(0)}, matching ${rates[1].toFixed(0)}`);
    await click(page, 'train');
    await page.until('!lab.shown.training', 'it pauses');
  },

  async 'a point is dragged, by mouse and by keys'(page) {
    await page.drag('matching', [[.5, .5], [.6, .45], [.7, .4]]);
    await idle(page);
    const [x, y] = await page.run('[lab.state.x, lab.state.y]');
    assert.ok(Math.abs(x - .4 * 2.9) < .05 && Math.abs(y - .2 * 2.9) < .05, `(${x}, ${y})`);
    const {flow, matching} = await page.run(`(({flow, matching}) => ({flow: {...flow, states: [...flow.states]},
      matching: {...matching, states: [...matching.states]}}))(lab.shown.point)`);
    for (const {states, log_p} of [flow, matching]) {
      assert.ok(Math.hypot(states.at(-2) - x, states.at(-1) - y) < 1e-4, 'a path ends at the point');
      assert.ok(Number.isFinite(log_p));
    }
    assert.ok(flow.round_trip < 1e-3, `the flow is undone: ${flow.round_trip}`);
    await page.run(`document.getElementById('flow').focus()`);
    await page.key('ArrowRight');
    assert.ok(Math.abs(await page.run('lab.state.x') - x - .04) < 1e-6);
    await idle(page);
  },

  // A dot on the path, between two steps of the solver, or after a layer; and whose numbers these are.
  async 'the dragged point follows the time'(page) {
    const colour = await page.run(`['flow', 'matching'].map(which => getComputedStyle(document.documentElement).getPropertyValue('--' + which).trim())`);
    for (const [t, layer] of [[0, 0], [.3, 5], [.5, 8], [1, 15]]) {
      await choose(page, 't', t); await idle(page);
      const seen = await page.run(`['flow', 'matching'].map((which, i) => { const canvas = document.getElementById(which), side = canvas.width / 5.8;
        const {states, K} = lab.shown.point[which], place = which === 'flow' ? ${layer} : ${t} * K, k = Math.min(K - 1, Math.floor(place));
        const [x, y] = [0, 1].map(j => states[2 * k + j] + (place - k) * (states[2 * k + 2 + j] - states[2 * k + j]));
        return [...canvas.getContext('2d').getImageData((x + 2.9) * side, (2.9 - y) * side, 1, 1).data.slice(0, 3)]; })`);
      assert.deepEqual(seen.map(rgb => '#' + rgb.map(v => v.toString(16).padStart(2, '0')).join('')), colour, `at ${t}`);
    }
    const says = () => page.run(`document.getElementById('followed-by').textContent`);
    await choose(page, 'steps', 3); await choose(page, 'solver', 'heun'); await idle(page);
    assert.equal(await says(), '3 steps of Heun (both ends)');
    const log_p = () => page.run('lab.shown.point.matching.log_p'), before = await log_p();
    await choose(page, 'solver', 'euler'); await choose(page, 'steps', 32); await idle(page);
    assert.equal(await says(), '32 steps of Euler');
    assert.equal(await log_p(), before, 'as it says: exact, whatever the solver');
  },

  async 'few steps of Euler lose the rings, and cost nats'(page) {
    const spread = () => page.run(`(() => { const {states, K} = lab.shown.matching.samples[0];
      const n = states.length / (K + 1), end = states.subarray(K * n); return Math.sqrt(end.reduce((s, v) => s + v * v, 0) / n); })()`);
    await choose(page, 'steps', 32); await idle(page);
    const many = await spread();
    await choose(page, 'steps', 1); await idle(page);
    const one = await spread();
    assert.ok(one < .5 * many, `one step: ${one}, 32 steps: ${many}`);
    await choose(page, 'steps', 8); await idle(page);
    await click(page, 'cost');
    await choose(page, 'solver', 'heun');
    await page.until(`document.querySelector('#costs tbody tr') && !document.getElementById('cost').disabled`, 'the cost is told');
    const told = () => page.run(`[...document.querySelector('#costs tbody tr').cells].map(cell => cell.textContent)`);
    const [trained, asked, own, lost, folded] = await told();
    assert.match(trained, /^rings\nindependent\n[1-9]\d* steps$/);
    assert.ok(Number(own) > 1 && Number(own) < 3.5, `the model itself: ${own} nats`);
    assert.equal(asked, 'euler\n8 steps');  // what was asked for, though Heun has been chosen since
    assert.ok(parseFloat(lost) > 0 && lost.endsWith('*') === (folded !== '0 %') && /^[\d.]+ %$/.test(folded), `${lost} nats, ${folded} folded`);
    await idle(page);
    await click(page, 'cost');
    await page.until(`document.querySelectorAll('#costs tbody tr').length === 2 && !document.getElementById('cost').disabled`, 'it is told again');
    const [, method, still, better] = await told();
    assert.deepEqual([method, still], ['heun\n8 steps', own], 'the model is the same one, whatever its steps leave out');
    assert.ok(parseFloat(better) < parseFloat(lost), `Heun ${better}, Euler ${lost}`);
    const waits = await page.run(`(async () => { document.getElementById('cost').click(); await new Promise(resolve => setTimeout(resolve));
      return [...document.querySelector('#costs tbody tr').cells].at(-1).textContent; })()`);
    assert.equal(waits, 'computing ... 0 s');
    await page.until(`!document.getElementById('cost').disabled`, 'the same is told again');
    assert.equal(await page.run(`document.querySelectorAll('#costs tbody tr').length`), 2, 'in the place of its row');
    assert.ok(await page.run(`(t => t.scrollWidth <= t.parentElement.clientWidth)(document.getElementById('costs'))`), 'the table fits');
    await choose(page, 'solver', 'euler'); await idle(page);
  },

  // A training may end while the samples are asked for, of which there are fewer in haste.
  async 'all samples are there when a training has ended'(page) {
    await idle(page);
    await page.run(`(async () => {
      const again = () => { document.querySelector('[name=solver]').dispatchEvent(new Event('change', {bubbles: true})); return new Promise(r => setTimeout(r)); };
      Object.assign(lab.shown, {flow: {}, matching: {}, training: true});
      await again();
      lab.shown.training = false;
      await again(); })()`);
    await idle(page);
    assert.deepEqual(await page.run(`[lab.shown.flow, lab.shown.matching].map(({samples}) => samples.reduce((n, {states, K}) => n + states.length / 2 / (K + 1), 0))`), [900, 900]);
  },

  async 'every view draws something of its own'(page) {
    const before = await seen(page, 'matching');
    for (const [name, value] of [['arrows', true], ['grid', true], ['density', true]]) {
      await choose(page, name, value); await idle(page);
      assert.notEqual((await seen(page, 'matching')).sum, before.sum, name);
      await choose(page, name, !value); await idle(page);
    }
    const data = await seen(page, 'data');
    await choose(page, 'lines', true); await idle(page);
    assert.notEqual((await seen(page, 'data')).sum, data.sum);
    await choose(page, 'lines', false);
    await choose(page, 't', 0.5); await idle(page);
    assert.notEqual((await seen(page, 'flow')).sum, before.sum);
    await choose(page, 't', 1);
  },

  // What a choice displaces is kept, with its training, and comes back by either way.
  async 'no choice loses a model'(page) {
    const hash = () => page.run(`lab.ask('hash')`), text = id => page.run(`document.getElementById('${id}').hidden || document.getElementById('${id}').textContent`);
    const chosen = (name, value) => page.until(`lab.state.${name} === '${value}' && lab.idle && !lab.shown.training`, value);
    await click(page, 'reset');
    await page.until('!lab.progress.flow?.steps', 'new models');
    await click(page, 'train');
    await page.until('lab.progress.flow?.steps > 100', 'it trains');
    await page.until(`/\\/s, \\d+ (s|min) left$/.test(document.getElementById('clock').textContent)`, 'the time left is told');
    await click(page, 'train');
    await page.until('!lab.shown.training', 'it pauses'); await idle(page);
    const affine = await hash(), drawn = await seen(page, 'flow');
    await choose(page, 'maps', 'spline'); await chosen('maps', 'spline');
    const spline = await hash();
    assert.match(await text('couplings-say'), /6 in place of 15/);
    assert.notEqual(spline.flow, affine.flow);
    assert.deepEqual([spline.matching, spline.steps], [affine.matching, {flow: 0, matching: affine.steps.matching}]);
    assert.match(await text('was-flow'), new RegExp(`Before: affine, 15 layers; ${affine.steps.flow} training steps, [\\d.]+ nats`));
    assert.ok((await seen(page, 'before-flow')).kinds > 3, 'the one before is seen');
    await choose(page, 'which', 'flow');
    await click(page, 'one');
    await page.until('lab.progress.flow?.steps === 1', 'a step'); await idle(page);
    await choose(page, 'which', 'both');
    await click(page, 'back-flow'); await chosen('maps', 'affine');
    assert.equal((await hash()).flow, affine.flow);
    assert.equal((await seen(page, 'flow')).sum, drawn.sum);
    assert.match(await text('was-flow'), /Before: splines, 6 layers; 1 training step,/);
    assert.equal(await page.run('lab.state.couplings'), 15);
    assert.equal(await text('couplings-say'), true, 'hidden again');

    await choose(page, 'lines', true); await idle(page);
    const crossing = await seen(page, 'data');
    await choose(page, 'pairing', 'optimal'); await chosen('pairing', 'optimal');
    assert.notEqual((await seen(page, 'data')).sum, crossing.sum, 'the lines are those of the pairs that are trained with');
    assert.match(await text('say-data'), /optimal-transport pairs, 0\.\d+ apart/);
    assert.equal((await hash()).flow, affine.flow);
    await choose(page, 'pairing', 'independent'); await chosen('pairing', 'independent');
    assert.equal((await hash()).matching, affine.matching);
    await choose(page, 'lines', false);

    await choose(page, 'set', 'moons'); await chosen('set', 'moons');
    await choose(page, 'set', 'rings'); await chosen('set', 'rings');
    assert.equal((await hash()).flow, affine.flow, 'another set, and back');
    await click(page, 'reset');
    await page.until('!lab.progress.flow?.steps', 'new models'); await idle(page);
    await click(page, 'back-flow');
    await page.until('lab.progress.flow?.steps > 100', 'back, after a reset'); await idle(page);
    assert.equal((await hash()).flow, affine.flow);
  },

  async 'pictures grow finer while nothing else is done'(page) {
    await choose(page, 'grid', true); await choose(page, 'density', true); await idle(page);
    const count = () => page.run('lab.shown.flow.grid.reduce((sum, line) => sum + line.paths.length, 0)');
    assert.ok(await count() >= 50 * 49);
    await page.until('lab.fine', 'all is fine', 120);
    assert.ok(await count() > 50 * 49);
    assert.deepEqual(await page.run('[lab.shown.flow.heat.width, lab.shown.matching.heat.width]'), [240, 240]);
    await choose(page, 'grid', false); await choose(page, 'density', false); await idle(page);
  },

  async 'the tape is walked both ways'(page) {
    await click(page, 'tape-load');
    await page.until(`document.querySelectorAll('#graph rect').length > 5`, 'a tape is drawn');
    const where = () => page.run(`document.getElementById('tape-at').textContent`);
    assert.match(await where(), /^entry 1 of \d+, forwards/);
    await click(page, 'tape-on'); await click(page, 'tape-on');
    assert.match(await where(), /^entry 3 of/);
    await click(page, 'tape-back');
    const [, last, length] = (await where()).match(/^entry (\d+) of (\d+), backwards/);
    assert.equal(last, length, 'it begins at the loss');
    const terms = await page.run(`[...document.querySelectorAll('#entry dd')].map(dd => dd.textContent)`);
    assert.deepEqual([terms[2], Number(terms[4])], ['()', 1], 'one number, whose gradient is 1');
    await click(page, 'tape-back');
    assert.match(await where(), new RegExp(`^entry ${length - 1} of`));
    await click(page, 'tape-on'); await click(page, 'tape-back');
    assert.match(await where(), new RegExp(`^entry ${length - 1} of`));
  },

  async 'weights are saved, and opened again'(page) {
    for (const which of ['flow', 'matching']) {
      const same = await page.run(`(async () => { const was = (await lab.ask('hash')).${which};
        const {bytes} = await lab.ask('save', {which: '${which}'});
        await lab.ask('step', {which: '${which}', steps: 3});
        const moved = (await lab.ask('hash')).${which};
        const told = await lab.ask('load', {bytes: bytes});
        return [told.which === '${which}', moved !== was, (await lab.ask('hash')).${which} === was]; })()`);
      assert.deepEqual(same, [true, true, true], which);
    }
    await assert.rejects(page.run(`lab.ask('load', {bytes: new TextEncoder().encode('no weights at all').buffer})`));
  },

  // As a reader does it: by the field, and dropped anywhere on the page. The hashes are what the native
  // programs have told.
  async 'the files of native programs are opened and shown'(page) {
    const native = JSON.parse(readFileSync(join(weights, 'native.json')));
    const opened = () => page.run(`document.getElementById('opened').textContent`);
    const before = {flow: await seen(page, 'flow'), matching: await seen(page, 'matching')};
    await page.choose_file('open', join(weights, 'normalizing_flow.safetensors'));
    await page.until(`document.getElementById('opened').textContent.includes('normalizing_flow')`, 'it is opened');
    assert.match(await opened(), /15 layers, 7230 weights/);
    const drop = (name, bytes) => page.run(`(() => { const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob('${bytes.toString('base64')}'), c => c.charCodeAt(0))], '${name}'));
      document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})); })()`);
    await drop('flow_matching.safetensors', readFileSync(join(weights, 'flow_matching.safetensors')));
    await page.until(`document.getElementById('opened').textContent.includes('flow_matching')`, 'it is opened');
    await idle(page);
    for (const which of ['flow', 'matching']) {
      assert.notEqual((await seen(page, which)).sum, before[which].sum, `${which} shows another model`);
      const {hash} = Object.values(native).find(one => one.which === which);
      assert.match(await page.run(`document.getElementById('hash').textContent`), new RegExp(`${which} ${hash}`));
    }
    await drop('table.safetensors', readFileSync(join(weights, 'table.safetensors')));
    await page.until(`document.getElementById('opened').textContent.includes('maf')`, 'the model of a table is opened');
    assert.match(await opened(), /not those it was made for/);
    await idle(page);
    await click(page, 'one');  // and can be trained
    await page.until('lab.progress.flow?.steps === 1', 'it goes on from there');
    await drop('notes.txt', Buffer.from('no weights at all'));
    await page.until(`!document.getElementById('trouble').hidden`, 'it is refused');
    assert.match(await page.run(`document.getElementById('trouble').textContent`),
      /^notes\.txt is not opened: .*What can be opened: the weights of an experiment.*gradflow fit.*this page/s);
    await click(page, 'reset');
    await page.until(`document.getElementById('opened').hidden && !lab.progress.flow?.steps`, 'new models');
    await page.run(`document.getElementById('trouble').hidden = true`);
    await idle(page);
  },

  async 'an own drawing is learned, and comes back from the address'(page) {
    const hidden = id => page.run(`document.getElementById('${id}').hidden`), set = await page.run('lab.state.set');
    assert.ok(await hidden('wipe'), 'nothing is to be wiped');
    await click(page, 'pen');
    assert.ok(!await hidden('wipe'));
    await click(page, 'pen'); await idle(page);
    assert.equal(await page.run('lab.state.set'), set, 'who draws nothing has the set of before');
    await click(page, 'pen');
    await page.drag('data', [[.2, .3], [.5, .4], [.8, .6]]);  // fast: what is between is drawn, too
    await page.until(`lab.state.own.length > 4 * 30 && lab.shown.data.points.length >= 128`, 'the drawing is data'); await idle(page);
    // Neither a stroke more nor putting the pen away moves what is there.
    const first = await page.run('[...lab.shown.data.points]');
    await page.drag('data', [[.1, .9], [.3, .9]]);
    await page.until(`lab.shown.data.points.length > ${first.length}`, 'a stroke more'); await idle(page);
    assert.deepEqual((await page.run('[...lab.shown.data.points]')).slice(0, first.length), first);
    assert.ok(Math.abs(first[0] - (.2 * 2 - 1) * 2.9) < .2 && Math.abs(first[1] - (1 - .3 * 2) * 2.9) < .2, `where it was drawn: ${first.slice(0, 2)}`);
    // Models of the drawing before begin anew, and stay at hand.
    const says = () => page.run(`document.getElementById('train').textContent`);
    await choose(page, 'couplings', 3); await page.until(`lab.state.couplings === 3 && lab.idle`, 'few layers');
    await click(page, 'one'); await page.until(`lab.progress.flow?.steps === 1 && lab.idle`, 'a step');
    assert.equal(await says(), 'Train');
    await page.drag('data', [[.1, .1], [.3, .1]]);
    await page.until(`document.getElementById('train').textContent === 'Train anew'`, 'the models are of another drawing');
    assert.match(await page.run(`document.getElementById('clock').textContent`), /old drawing/);
    await click(page, 'train'); await page.until(`lab.shown.training && lab.progress.flow?.steps > 1`, 'it trains');
    await click(page, 'train'); await page.until('!lab.shown.training && lab.idle', 'it pauses');
    assert.equal(await says(), 'Train');
    assert.match(await page.run(`document.getElementById('was-flow').textContent`), /3 layers; 1 training step,/);
    await choose(page, 'length', 100); await page.until(`lab.state.length === 100 && lab.idle`, 'a short training');
    await click(page, 'train'); await page.until(`!lab.shown.training && lab.progress.matching?.steps === 100 && lab.idle`, 'to its end');
    assert.equal(await says(), 'Train anew');
    const drawn = await page.run('lab.state.own'), with_it = await seen(page, 'data');
    await click(page, 'wipe'); await idle(page);
    assert.ok((await seen(page, 'data')).sum !== with_it.sum, 'it is wiped from the panel');
    await click(page, 'pen'); await idle(page);
    assert.equal(await page.run('lab.state.own'), drawn, 'a drawing that nothing displaces is there again');
    assert.ok(await hidden('wipe'));
    await choose(page, 'steps', 12);
    await idle(page);
    await new Promise(resolve => setTimeout(resolve, 400));  // the address waits for the last change
    const [address, state, points] = await page.run('[location.href, {...lab.state}, [...lab.shown.data.points]]');
    await page.go(address);
    assert.deepEqual(await page.run('({...lab.state})'), state);
    assert.deepEqual(await page.run('[...lab.shown.data.points]'), points);
    await page.go(url + '#set=nothing&steps=what&own=%%%');
    assert.deepEqual(await page.run('[lab.state.set, lab.state.steps]'), ['rings', 32]);
  },

  // Two tables one after the other are two sets, and a model goes back to the table it was made for.
  async 'a pasted table is learned, and another displaces it'(page) {
    const paste = async scale => {
      await page.run(`document.getElementById('table').value =
        Array.from({length: 80}, (_, i) => [Math.cos(i), ${scale} * Math.sin(3 * i)].join(', ')).join('\\n')`);
      await click(page, 'paste');
      await page.until(`lab.state.set === 'own' && !lab.progress.flow?.steps && lab.idle`, 'the table is data');
      await click(page, 'one');
      await page.until('lab.progress.flow?.steps === 1', 'a step'); await idle(page);
    };
    const now = async () => [(await page.run(`lab.ask('hash')`)).flow, await page.run('[...lab.shown.data.points.slice(0, 40)]'), await page.run('lab.shown.data.std')];
    await paste(1);
    const first = await now();
    await paste(3);
    const second = await now();
    assert.notDeepEqual(first, second);
    await click(page, 'back-flow'); await page.until('lab.idle', 'back');
    assert.deepEqual(await now(), first);
    await click(page, 'back-flow'); await page.until('lab.idle', 'and forth');
    assert.deepEqual(await now(), second);
    // What is refused leaves everything as it was; classes are learned, too.
    const text = id => page.run(`document.getElementById('${id}').hidden || document.getElementById('${id}').textContent`);
    await page.run(`document.getElementById('table').value = Array.from({length: 80}, (_, i) => i + ' 3').join('\\n')`);
    await click(page, 'paste');
    await page.until(`!document.getElementById('trouble').hidden`, 'a constant column is refused');
    assert.match(await text('trouble'), /^column 2 is 3 in all rows/);
    assert.deepEqual(await now(), second);
    await page.run(`document.getElementById('table').value = Array.from({length: 80}, (_, i) => [Math.cos(i), Math.sin(3 * i), 'ab'[i % 2]].join('; ')).join('\\n')`);
    await click(page, 'paste');
    await choose(page, 'by_class', true);
    await page.until(`lab.shown.data.classes?.length === 2 && lab.idle`, 'two classes');
    assert.deepEqual([await text('trouble'), (await page.run('[...lab.shown.data.labels.slice(0, 3)]'))], [true, [0, 1, 0]]);
    await choose(page, 'by_class', false);
    await page.until(`!lab.state.by_class && lab.idle`, 'no classes');
  },

  // The panels stay in sight with whatever is moved; the bar is low.
  async 'on a phone, a panel and its slider are seen together'() {
    const phone = await browser.page(url + '#card=step', {width: 390, height: 844, phone: true});
    await idle(phone);
    const box = query => phone.run(`(({top, bottom, height}) => ({top, bottom, height}))(document.querySelector('${query}').getBoundingClientRect())`);
    await phone.run(`document.getElementById('guide-on').click(); document.querySelector('#guide-step .now [data-place=steps]').click()`);
    await phone.until(`(({top, bottom}) => top > 0 && bottom < 844)(document.querySelector('[name=steps]').getBoundingClientRect())`, 'it is led to');
    for (const slider of ['#bar [name=t]', '[name=steps]']) {
      await phone.run(`document.querySelector('${slider}').scrollIntoView({block: 'center'})`);
      const [bar, models, moved] = [await box('#bar'), await box('#models'), await box(slider)];
      assert.ok(bar.height < 100 && bar.top >= -1, `the bar: ${JSON.stringify(bar)}`);
      assert.ok(models.top >= bar.bottom - 1 && models.bottom < 844, `the models: ${JSON.stringify(models)}`);
      assert.ok(moved.top >= 0 && moved.bottom <= 844 && (moved.bottom <= models.top || moved.top >= models.bottom), `${slider}: ${JSON.stringify(moved)}`);
    }
    assert.ok(await phone.run('document.documentElement.scrollWidth <= 390'), 'nothing is wider than the screen');
    await phone.run(`document.querySelectorAll('#controls details').forEach(part => part.open = true); document.getElementById('pen').scrollIntoView({block: 'end'})`);
    await click(phone, 'pen');
    await phone.until(`(({top, bottom}) => top > document.getElementById('bar').getBoundingClientRect().bottom && bottom < 844)(document.getElementById('data').getBoundingClientRect())`, 'where one draws is seen');
    await click(phone, 'pen');
    await click(phone, 'one'); await phone.until('lab.progress.matching?.steps === 1 && lab.idle', 'a step');
    await phone.run(`document.querySelector('[data-card=transport] button').click()`);  // the model before stays in sight, too
    await phone.until(`!document.getElementById('was-matching').hidden && lab.progress.matching?.steps > 5`, 'a card');
    await phone.until(`(gap => gap >= 0 && gap < 30)(document.getElementById('guide').getBoundingClientRect().top - document.getElementById('models').getBoundingClientRect().bottom)`, 'below them is what the card says');
    assert.deepEqual(phone.errors, []);
    await phone.close();
  },

  async 'the cards set their state'(page) {
    for (const [id, check] of [['transport', `lab.state.lines === 1`], ['threads', `lab.state.density === 1`],
                               ['step', `lab.state.arrows === 1`]]) {
      await page.run(`document.querySelector('[data-card=${id}] button').click()`);
      await page.until(`!document.getElementById('guide').hidden && ${check} && lab.shown.training && lab.progress.${id === 'threads' ? 'flow' : 'matching'}?.steps > 5`, id);
    }
    await click(page, 'train');
    const step = () => page.run(`[document.getElementById('guide-at').textContent, document.querySelector('#guide-step .now').textContent, document.getElementById('panels').children[0].getBoundingClientRect().top - document.getElementById('guide').getBoundingClientRect().top]`);
    const first = await step();
    await click(page, 'guide-on');
    const second = await step();
    assert.ok(first[0] === '1 of 4' && second[0] === '2 of 4' && first[1] !== second[1], `${first}; ${second}`);
    assert.equal(first[2], second[2], 'the panels stay where they are');
    await click(page, 'guide-end');
    assert.equal(await page.run(`document.getElementById('guide').hidden`), true);
  },

  // Nothing that a card leads to takes the panels, or the card, out of sight; nor does a long table of costs.
  async 'on a desktop, the panels, the card and what it leads to are seen together'(page) {
    await page.run(`document.querySelector('[data-card=threads] button').click()`);
    await page.until(`!document.getElementById('guide').hidden && lab.progress.flow?.steps > 5`, 'a card');
    await click(page, 'train'); await page.until('!lab.shown.training && lab.idle', 'it pauses');
    await page.run(`document.getElementById('costs').hidden = false;
      for (let i = 0; i < 8; ++i) document.querySelector('#costs tbody').insertRow().innerHTML = '<td>rings<br>independent<br>10000 steps</td>'.repeat(5)`);
    await click(page, 'guide-on');
    for (const place of ['grid', 'density']) {
      await page.run(`document.querySelector('#guide-step .now [data-place=${place}]').click()`);
      const seen = () => page.run(`['#bar', '#guide', '#flow', '[name=${place}]'].map(query => (({top, bottom}) => [top, bottom])(document.querySelector(query).getBoundingClientRect()))`);
      await page.until(`document.activeElement.name === '${place}'`, 'it is led to');
      await page.until(`(({bottom}) => bottom > 0 && bottom < 900)(document.querySelector('[name=${place}]').getBoundingClientRect())`, 'it is seen');
      const [[, bar], ...others] = await seen();
      assert.ok(others.every(([top, bottom]) => top >= bar && bottom <= 900), `${place}: below ${bar}, ${JSON.stringify(others)}`);
    }
    await page.run(`document.querySelector('#costs tbody').replaceChildren(); document.getElementById('costs').hidden = true`);
    await click(page, 'guide-end'); await idle(page);
  },

  // What it shows and trains goes back at once, what the models are made of with them; what a reader has chosen since stays.
  async 'own data leave a card'(page) {
    const choices = () => page.run(`(({card, set, which, batch, rate, length}) => ({card, set, which, batch, rate, length}))(lab.state)`);
    const at_first = {card: '', which: 'both', batch: 256, rate: .004, length: 10000};
    const open_card = async () => {
      await page.run(`document.querySelector('[data-card=step] button').click()`);
      await page.until(`!document.getElementById('guide').hidden && lab.state.set === 'rings' && lab.shown.training && lab.progress.matching?.steps > 5`, 'a card');
      await click(page, 'train');
      await page.until('!lab.shown.training && lab.idle', 'it pauses');
    };
    const left = () => page.until(`document.getElementById('guide').hidden && lab.idle && !lab.state.card`, 'the card is closed');
    await open_card();
    await page.run(`document.getElementById('table').value = Array.from({length: 80}, (_, i) => i + ', ' + i * i).join('\\n')`);
    await click(page, 'paste'); await left();
    assert.deepEqual(await choices(), {...at_first, set: 'own'});
    await open_card();
    await choose(page, 'batch', 64);
    await page.until('lab.state.batch === 64 && lab.idle', 'another batch');
    await click(page, 'pen');
    await page.drag('data', [[.2, .3], [.8, .6]]); await left();
    assert.deepEqual(await choices(), {...at_first, set: 'own', batch: 64});
    await click(page, 'pen');
    await click(page, 'one');
    await page.until('lab.progress.flow?.steps === 1 && lab.idle', 'both are trained');
    await open_card();
    await page.run(`document.querySelector('#guide-step a').click()`);
    await page.until(`lab.state.set === 'eight_gaussians' && lab.state.length === 4000 && !lab.progress.matching?.steps && lab.idle`, 'the quick one');
    assert.equal(await page.run(`document.getElementById('guide').hidden`), false);
    await click(page, 'paste'); await left();
    assert.deepEqual(await choices(), {...at_first, set: 'own', batch: 64}, 'as it was chosen before the card');
    await open_card();
    assert.deepEqual(await page.run('[lab.state.arrows, lab.state.which]'), [1, 'matching']);
    const steps = await page.run('lab.progress.matching.steps');
    await click(page, 'guide-end'); await left();
    assert.deepEqual(await page.run('[lab.state.arrows, lab.state.which, lab.state.length, lab.progress.matching.steps]'), [0, 'both', 15000, steps], 'the model stays');
    await choose(page, 'set', 'moons');
    await page.until(`lab.state.set === 'moons' && !lab.progress.matching?.steps && lab.idle`, 'another set');
    assert.deepEqual(await choices(), {...at_first, set: 'moons', batch: 64});
    await open_card();
    await page.choose_file('open', join(weights, 'flow_matching.safetensors')); await left();
    assert.deepEqual([(await choices()).set, (await choices()).which], ['rings', 'both']);
  },
};

let failed = 0;
try {
  const page = await browser.page(url);
  for (const [name, body] of Object.entries(tests).filter(([name]) => name.includes(part)))
    try { await body(page); done(name); } catch (error) { ++failed; console.log(`FAILED: ${name}\n  ${error.stack}`); }
  if (page.errors.length) { ++failed; console.log('FAILED: the console has errors\n  ' + page.errors.join('\n  ')); }
  else done('no error in the console');
} finally { await browser.close(); }
process.exit(failed ? 1 : 0);
