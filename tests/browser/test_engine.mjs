// Tests the page's engine and worker in node: what they answer, and that they compute the bits that a
// native program does.
//
//   node tests/browser/test_engine.mjs BUILD       the folder with engine.js, engine.wasm and hashes.js
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';
import {startedWorker} from './worker.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const build = resolve(process.argv[2]);
const read = (path) => readFileSync(join(here, path));
const json = (path) => JSON.parse(read(path));

const tests = [];
const test = (name, run) => tests.push({name, run});

const started = () => startedWorker(build);
async function onSet(set, options) {
  const worker = await started();
  await worker.ask('data', {set, seed: 0});
  await worker.ask('reset', {seed: 0, steps: 1000, ...options});
  return worker;
}
const close = (a, b, error) => assert.ok(Math.abs(a - b) <= error, `${a} is not ${b} within ${error}`);

test('the hashes of the library\'s own short trainings are those of every processor', () => {
  const found = JSON.parse(execFileSync(process.execPath, ['--no-experimental-fetch', join(build, 'hashes.js')]));
  assert.deepEqual(found, json('../hashes.json'));
});

test('200 steps give the weights that they give natively', async () => {
  for (const [name, {options, flow, matching}] of Object.entries(json('hashes.json'))) {
    const worker = await onSet('rings_by_class', options);
    await worker.ask('step', {which: 'both', steps: 200});
    assert.deepEqual(await worker.ask('hash'),
        {flow, matching, arithmetic: 'portable', steps: {flow: 200, matching: 200}}, name);
    worker.close();
  }
});

test('the sets are named, and what they give is standardised', async () => {
  const worker = await started();
  const sets = await worker.ask('sets');
  assert.ok(sets.length >= 18 && sets.every(({name, title}) => name && title));
  for (const set of ['rings', 'moons', 'checkerboard']) {
    const {points, floor, labels} = await worker.ask('data', {set, seed: 0});
    assert.equal(points.length % 2, 0);
    assert.equal(labels === null || labels.length === points.length / 2, true);
    let sum = 0, square = 0;
    for (const x of points) sum += x, square += x * x;
    close(sum / points.length, 0, 1e-3);
    close(square / points.length, 1, 1e-3);
    assert.ok(floor > 0 && floor < 2.84);  // below the entropy of a normal distribution
  }
  worker.close();
});

test('points of one\'s own are learned, and too few are refused', async () => {
  const worker = await started();
  const points = Float32Array.from({length: 400}, (_, i) => Math.cos(i * i));
  const told = await worker.ask('data', {points});
  assert.equal(told.points.length, 400);
  assert.equal(told.floor, null);
  const drawn = await worker.ask('data', {points, drawn: true});
  assert.deepEqual([[...drawn.points], drawn.mean, drawn.std], [[...points], [0, 0], [1, 1]], 'a drawing stays where it is');
  await worker.ask('reset', {seed: 1});
  await worker.ask('step', {which: 'both', steps: 5});
  await assert.rejects(worker.ask('data', {points: points.slice(0, 126)}), /63 points given; at least 64/);
  await assert.rejects(worker.ask('nothing'), /no such question/);
  worker.close();
});

test('it answers while it trains, tells its progress, and what it learns approaches the floor', async () => {
  const worker = await onSet('moons', {rate: 0.01});
  const {floor} = await worker.ask('data', {set: 'moons', seed: 0});
  await worker.ask('train', {which: 'both'});
  let longest = 0;
  for (let i = 0; i < 10; ++i) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const began = performance.now();
    const {states, K, nfe} = await worker.ask('samples', {which: 'matching', n: 200, seed: 1, solver: 'heun', steps: 5});
    longest = Math.max(longest, performance.now() - began);
    assert.equal(states.length, (K + 1) * 200 * 2);
    assert.equal(nfe, 10);
  }
  const {flow, matching} = await worker.ask('pause');
  assert.ok(worker.events.length >= 2 && worker.events.every(({event}) => event === 'progress'));
  assert.ok(flow.steps > 0 && matching.steps > 0 && flow.steps_per_second > 0);
  await worker.ask('step', {which: 'flow', steps: Math.max(1, 1000 - flow.steps)});
  const {flow: after} = await worker.ask('step', {which: 'flow', steps: 1});
  assert.ok(after.loss > floor - 0.1 && after.loss < floor + 0.25, `loss ${after.loss}, floor ${floor}`);
  console.log(`  flow ${flow.steps_per_second.toFixed(0)}, matching ${matching.steps_per_second.toFixed(0)} steps/s; ` +
      `longest answer ${longest.toFixed(0)} ms`);
  worker.close();
});

test('it trains to the end of the course, and not a step further', async () => {
  const worker = await onSet('rings', {steps: 60, couplings: 2});
  await worker.ask('step', {which: 'flow', steps: 20});  // one is ahead of the other
  await worker.ask('train', {which: 'both'});
  while (!worker.events.some(({matching}) => matching?.rate === 0)) await new Promise((resolve) => setTimeout(resolve, 20));
  const {flow, matching} = await worker.ask('progress');
  assert.deepEqual([flow.steps, matching.steps, flow.rate], [60, 60, 0]);
  await worker.ask('train', {which: 'both'});
  assert.equal((await worker.ask('pause')).flow.steps, 60);
  worker.close();
});

test('a point goes to the noise and back, through both models', async () => {
  const worker = await onSet('rings', {rate: 0.01});
  await worker.ask('step', {which: 'both', steps: 50});
  const {flow, matching} = await worker.ask('point', {x: [0.5, -0.25], solver: 'rk4', steps: 20});
  assert.deepEqual([...flow.states.slice(0, 2)], [0.5, -0.25]);
  assert.equal(flow.states.length, 2 * 16);
  assert.equal(matching.states.length, 2 * 21);
  close(flow.round_trip, 0, 1e-4);
  close(matching.round_trip, 0, 1e-3);
  const points = Float32Array.of(0.5, -0.25);
  close((await worker.ask('density', {which: 'flow', points})).log_p[0], flow.log_p, 1e-5);
  close((await worker.ask('density', {which: 'matching', points, steps: 50})).log_p[0], matching.log_p, 1e-5);
  const {v} = await worker.ask('velocity', {points, t: 0.5});
  assert.ok(v.length === 2 && v.every(Number.isFinite));
  const {states, K} = await worker.ask('carry', {which: 'matching', points, to: 'latent', solver: 'rk4', steps: 20});
  assert.deepEqual([...states], [...matching.states]);
  assert.equal(K, 20);
  worker.close();
});

test('a model is kept while another is trained, and goes on where it was', async () => {
  const options = {seed: 3, steps: 1000}, worker = await onSet('rings', options);
  await worker.ask('step', {which: 'both', steps: 12});
  const unbroken = await worker.ask('hash');
  await worker.ask('reset', options);
  await worker.ask('step', {which: 'both', steps: 7});
  await worker.ask('keep', {which: 'flow', place: 2});
  await worker.ask('reset', {...options, which: 'flow', maps: 'spline'});
  assert.equal((await worker.ask('progress')).flow.steps, 0);
  await worker.ask('step', {which: 'both', steps: 5});  // matching is the same one
  const {points} = await worker.ask('reset', {...options, which: 'flow', kept: {flow: 2}});
  assert.ok(points.length > 1000);
  await worker.ask('step', {which: 'flow', steps: 5});
  assert.deepEqual(await worker.ask('hash'), unbroken);
  await assert.rejects(worker.ask('reset', {...options, which: 'matching', kept: {matching: 2}}), /no model is kept in place 2/);
  await assert.rejects(worker.ask('step', {which: 'all'}), /"all" given; one of flow, matching/);
  worker.close();
});

test('what is saved can be loaded, and what does not fit is named', async () => {
  const worker = await onSet('rings', {rate: 0.01});
  await worker.ask('step', {which: 'both', steps: 10});
  const {flow, matching} = await worker.ask('hash');
  const saved = [await worker.ask('save', {which: 'flow'}), await worker.ask('save', {which: 'matching'})];
  await worker.ask('reset', {seed: 9});
  for (const {bytes} of saved) await worker.ask('load', {bytes});
  const again = await worker.ask('hash');
  assert.deepEqual([again.flow, again.matching], [flow, matching]);
  await worker.ask('reset', {seed: 9, couplings: 3});  // of other sizes: those of the file are taken
  assert.equal((await worker.ask('load', {bytes: saved[0].bytes})).layers, 15);
  assert.equal((await worker.ask('hash')).flow, flow);
  await assert.rejects(worker.ask('load', {bytes: new ArrayBuffer(5)}), /5 bytes/);
  worker.close();
});

const bytesOf = (file) => { const b = read(`weights/${file}`); return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength); };

// Each file is what the native program of its name has left; native.json has the hash that it told, and what
// `gradflow score` says of three points.
test('what native programs have trained is opened, and says the same of points', async () => {
  const worker = await onSet('rings', {});
  for (const [name, {model, which, hash, points, log_p}] of Object.entries(json('weights/native.json'))) {
    const told = await worker.ask('load', {bytes: bytesOf(`${name}.safetensors`)});
    assert.deepEqual([told.which, told.model, told.of_table], [which, model, name === 'table'], name);
    assert.equal((await worker.ask('hash'))[which], hash, name);
    const {mean, deviation} = told;
    const standardised = Float32Array.from(points, (v, i) => (v - mean[i % 2]) / deviation[i % 2]);
    const found = await worker.ask('density', {which, points: standardised, steps: 50});
    found.log_p.forEach((v, i) => close(v - Math.log(deviation[0] * deviation[1]), log_p[i], 2e-3));
  }
  worker.close();
});

// And what the page saves is these files, to the byte, which the native programs are tested with. With --write
// they are written.
test('what the page saves is what the native programs are tested to open', async () => {
  const worker = await onSet('rings', {rate: 0.01, seed: 4});
  await worker.ask('step', {which: 'both', steps: 200});
  for (const which of ['flow', 'matching']) {
    const {bytes} = await worker.ask('save', {which});
    const file = join(here, `weights/page_${which}.safetensors`);
    if (process.argv[3] === '--write') writeFileSync(file, Buffer.from(bytes));
    assert.ok(Buffer.from(bytes).equals(readFileSync(file)), which);
  }
  worker.close();
});

test('the tape of a step is a graph, with values and gradients', async () => {
  const worker = await onSet('rings', {couplings: 2});
  const before = await worker.ask('hash');
  for (const which of ['flow', 'matching']) {
    const {nodes} = await worker.ask('tape', {which});
    nodes.forEach(({id, inputs}, i) => assert.ok(id === i && inputs.every((k) => k < i)));
    const {shape, value, gradient} = nodes.at(-1);
    assert.deepEqual([shape, gradient], [[], [1]]);
    assert.ok(Number.isFinite(value[0]));
    const weights = nodes.filter(({parameter}) => parameter);
    assert.ok(weights.length > 5 && weights.some(({gradient}) => gradient));
  }
  assert.deepEqual(await worker.ask('hash'), before);  // nothing has moved
  worker.close();
});

test('optimal pairs are shorter than independent ones', async () => {
  const worker = await onSet('rings', {});
  const length = ({x0, x1}) => x0.reduce((sum, x, i) => sum + (x - x1[i]) ** 2, 0);
  const {independent, optimal} = await worker.ask('pairing');
  assert.ok(length(optimal) < 0.7 * length(independent));
  worker.close();
});

let failed = 0;
for (const {name, run} of tests) {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
const files = ['engine.js', 'engine.wasm'].map((name) => join(build, name));
console.log(`${tests.length - failed} of ${tests.length} pass; engine: ` +
    files.map((f) => `${(statSync(f).size / 1024).toFixed(0)} KB, ${(gzipSync(readFileSync(f)).length / 1024).toFixed(0)} packed`).join('; '));
process.exit(failed === 0 ? 0 : 1);
