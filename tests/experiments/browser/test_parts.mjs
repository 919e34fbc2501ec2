// What the page is made of, tested without a browser: node test_parts.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import {bundle, excerpt, excerpts} from '../../../experiments/browser/bundle.mjs';
import {viridis} from '../../../experiments/browser/page/colors.js';
import {Curve} from '../../../experiments/browser/page/loss_plot.js';
import {add_dab, dabs, dabs_text, drawn_points, read_dabs, read_table} from '../../../experiments/browser/page/own_data.js';
import {cells, grid_lines, kReach} from '../../../experiments/browser/page/plane.js';
import {checked, from_address, initial, to_address} from '../../../experiments/browser/page/state.js';
import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

test('every excerpt is found in the sources, whole and short', () => {
  for (const {id, text, line} of excerpts()) {
    assert.ok(line > 0 && text.length > 60, id);
    assert.ok(text.split('\n').length < 60, `${id}: too long to be read`);
    const count = mark => text.split(mark).length;
    assert.equal(count('{'), count('}'), `${id}: cut within a block`);
  }
});

test('an anchor that is lost, or there twice, ends the build', () => {
  const source = 'a\nint f() {\n  return 1;\n}\nint g() {\n}\n';
  assert.deepEqual(excerpt(source, {file: 'x', from: 'int f', to: '}'}), {line: 2, text: 'int f() {\n  return 1;\n}'});
  assert.equal(excerpt(source, {file: 'x', from: 'int f', until: 'int g'}).text, 'int f() {\n  return 1;\n}');
  assert.throws(() => excerpt(source, {file: 'x', from: 'int h', to: '}'}), /x: the anchor "int h" found 0 times/);
  assert.throws(() => excerpt(source, {file: 'x', from: 'int', to: '}'}), /found 2 times/);
  assert.throws(() => excerpt(source, {file: 'x', from: 'int f', to: '};'}), /no "};" behind/);
});

test('the page is one file that asks for nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradflow-bundle-'));
  for (const name of ['engine.js', 'engine.wasm', 'worker.js']) writeFileSync(join(folder, name), '"</script>$&"');
  const html = bundle(folder, join(folder, 'worker.js'));
  assert.doesNotMatch(html, /<link rel="stylesheet"|<script[^>]* src=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  assert.equal(html.match(/<script/g).length, html.match(/<\/script>/g).length);
  assert.match(html, /"<\\\/script>\$&"/);
});

test('the address says what differs, and gives it back', () => {
  assert.equal(to_address(initial), '#');
  const other = {...initial, set: 'moons', steps: 3, t: .25, maps: 'spline', x: -1.5, own: 'a-_9', grid: 1};
  assert.deepEqual(from_address(to_address(other)), other);
  assert.deepEqual(from_address('#steps=no&maps=cubic&t=&nothing=1&couplings=1e9'), {...initial, couplings: 24});
  assert.equal(checked('steps', '2.6'), 3);
  assert.equal(checked('solver', 'none'), undefined);
  assert.equal(checked('constructor', '1'), undefined);
});

test('a drawing is the same points after a way through the address', () => {
  for (const [x, y, label] of [[0, 0, 0], [1, -2, 3], [2.5, .3, 4]]) assert.ok(add_dab(x, y, label));
  assert.ok(!add_dab(2.5, .31, 4), 'too near to the last one');
  assert.ok(!add_dab(9, 0, 0), 'outside');
  const before = drawn_points(), text = dabs_text();
  read_dabs(text);
  assert.equal(dabs.length, 3);
  assert.deepEqual(drawn_points(), before);
  assert.equal(before.points.length, 2 * before.labels.length);
  before.labels.forEach((label, i) => {
    const dab = dabs[Math.floor(i / (before.labels.length / 3))];
    assert.equal(label, dab.label);
    assert.ok(Math.hypot(before.points[2 * i] - dab.x, before.points[2 * i + 1] - dab.y) < .14);
  });
  read_dabs('???');
  assert.equal(dabs.length, 0);
});

test('a table is read, and its faults are named', () => {
  const rows = Array.from({length: 70}, (_, i) => `${i / 10}; ${-i}; ${i % 2 ? 'b' : 'a'}`);
  const {points, labels} = read_table(['x;y;kind', ...rows, ''].join('\r\n'));
  assert.equal(points.length, 140);
  assert.equal(points[3], -1);
  assert.deepEqual(labels.slice(0, 3), [0, 1, 0]);
  assert.deepEqual(read_table(rows.map(row => row.replace(/; [ab]$/, '')).join('\n')).labels, []);
  assert.throws(() => read_table(rows.slice(0, 63).join('\n')), /63 points given; at least 64/);
  assert.throws(() => read_table([...rows, '1, two'].join('\n')), /row 71: "1, two" given/);
  assert.throws(() => read_table([...rows, '1, 2'].join('\n')), /70 of 71 rows have a class/);
  assert.throws(() => read_table([...rows, '1'].join('\n')), /row 71/);
});

test('viridis has its ends, and stays there', () => {
  assert.deepEqual(viridis(0), [68, 1, 84]);
  assert.deepEqual(viridis(1), [253, 231, 37]);
  assert.deepEqual(viridis(7), viridis(1));
  assert.deepEqual(viridis(NaN), viridis(0));
  assert.deepEqual(viridis(.5), [35, 144, 140]);  // between 26828e and 1f9e89
});

test('a curve is a running mean, and keeps a bounded number of points', () => {
  const curve = new Curve(.5);
  for (const [step, value] of [[1, 4], [2, 2], [3, NaN]]) curve.add(step, value);
  assert.deepEqual(curve.points, [[1, 4], [2, 3]]);
  for (let step = 3; step < 5000; ++step) curve.add(step, 1);
  assert.ok(curve.points.length <= 800 && curve.points.at(-1)[0] === 4999);
});

test('cells and lines lie where they are drawn', () => {
  const places = cells(2);
  assert.deepEqual(Array.from(places, v => +(v / kReach).toFixed(3)), [-.5, .5, .5, .5, -.5, -.5, .5, -.5]);
  assert.deepEqual(Array.from(grid_lines(2, 3, 1)), [-1, -1, 0, -1, 1, -1, -1, 1, 0, 1, 1, 1,
                                                     -1, -1, -1, 0, -1, 1, 1, -1, 1, 0, 1, 1]);
});
