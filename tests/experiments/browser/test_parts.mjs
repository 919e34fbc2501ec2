// What the page is made of, tested without a browser: node test_parts.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import {bundle, excerpt, excerpts} from '../../../experiments/browser/bundle.mjs';
import {viridis} from '../../../experiments/browser/page/colors.js';
import {cost_texts, short} from '../../../experiments/browser/page/cost.js';
import {Curve} from '../../../experiments/browser/page/loss_plot.js';
import {add_dab, dabs, dabs_text, draw_line, drawn_points, read_dabs, read_table} from '../../../experiments/browser/page/own_data.js';
import {lines_at, refine, square_grid, warp} from '../../../experiments/browser/page/grid.js';
import {Pace, duration} from '../../../experiments/browser/page/pace.js';
import {cells, kReach} from '../../../experiments/browser/page/plane.js';
import {Shelf, affected, choices_of, words} from '../../../experiments/browser/page/shelf.js';
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
  assert.deepEqual(from_address('#steps=no&maps=cubic&t=&nothing=1&couplings=1e9&lines=optimal'), {...initial, couplings: 24});
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

test('a fast stroke is a line, and its dabs are evenly along it', () => {
  read_dabs('');
  assert.ok(draw_line(null, [-2, -1], 1));
  assert.ok(draw_line([-2, -1], [2, 1], 1));
  const gaps = dabs.slice(1).map(({x, y}, i) => Math.hypot(x - dabs[i].x, y - dabs[i].y));
  assert.ok(gaps.every(gap => gap >= .07 && gap < .13), `from ${Math.min(...gaps)} to ${Math.max(...gaps)}`);
  assert.ok(dabs.every(({x, y, label}) => label === 1 && Math.abs(x - 2 * y) < .06));
  assert.ok(Math.hypot(dabs.at(-1).x - 2, dabs.at(-1).y - 1) < .13, 'to its end');
  assert.ok(!draw_line([2, 1], [2, 1], 1), 'a pen that rests draws no more');
  const count = dabs.length;
  assert.ok(draw_line(null, [-2, 2], 1) && dabs.length === count + 1, 'another stroke begins where it begins');
  read_dabs('');
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
  assert.throws(() => read_table([...rows, '1; 1e300; a'].join('\n')), /row 71: .* numbers under 1000000000000000 are wanted/);
  assert.throws(() => read_table([...rows, '1; 2; 3; 4'].join('\n')), /row 71/);
  assert.throws(() => read_table(rows.map(row => row.replace(/;.*;/, '; 3;')).join('\n')), /column 2 is 3 in all rows/);
  const german = read_table(rows.map(row => row.replaceAll('.', ',')).join('\n'));
  assert.deepEqual([german.points, german.labels], [points, labels], 'a comma in a row with semicolons');
});

test('viridis has its ends, and stays there', () => {
  assert.deepEqual(viridis(0), [68, 1, 84]);
  assert.deepEqual(viridis(1), [253, 231, 37]);
  assert.deepEqual(viridis(7), viridis(1));
  assert.deepEqual(viridis(NaN), viridis(0));
  assert.deepEqual(viridis(.5), [35, 144, 140]);  // between 26828e and 1f9e89
});

test('costs are told in three digits, and marked where data are left out', () => {
  assert.deepEqual([137.041, 2048.6, 12.34, 1.2345, .01234, 0, -3e-4, -.25, 3e6].map(short),
    ['137', '2049', '12.3', '1.23', '0.012', '0.000', '0.000', '-0.250', '3e+6']);
  assert.deepEqual(cost_texts({nll_exact: 2.26, cost: .181, folded: 0}), ['2.26', '0.181', '0 %']);
  assert.deepEqual(cost_texts({nll_exact: 2.32, cost: 549.35, folded: .692}), ['2.32*', '549*', '69 %']);
  assert.deepEqual(cost_texts({nll_exact: 2, cost: 1, folded: .004}), ['2.00*', '1.00*', '0.4 %']);
  assert.deepEqual(cost_texts({nll_exact: 0, cost: null, folded: 1}), ['-', '-', '100 %']);
});

test('a curve is a running mean, and keeps a bounded number of points', () => {
  const curve = new Curve(.5);
  for (const [step, value] of [[1, 4], [2, 2], [3, NaN]]) curve.add(step, value);
  assert.deepEqual(curve.points, [[1, 4], [2, 3]]);
  for (let step = 3; step < 5000; ++step) curve.add(step, 1);
  assert.ok(curve.points.length <= 800 && curve.points.at(-1)[0] === 4999);
});

test('cells lie where they are drawn', () => {
  const places = cells(2);
  assert.deepEqual(Array.from(places, v => +(v / kReach).toFixed(3)), [-.5, .5, .5, .5, -.5, -.5, .5, -.5]);
});

// Two states, (2, n, 2): the points, and where they are carried.
const carrying = (to, asked = []) => async points => {
  asked.push(points.length / 2);
  const ends = [];
  for (let i = 0; i < points.length; i += 2) ends.push(...to(points[i], points[i + 1]));
  return {states: Float32Array.from([...points, ...ends]), K: 1};
};

test('a grid is carried, and its lines are seen at any time', async () => {
  const asked = [], lines = await warp(square_grid(2, 3, 1), carrying((x, y) => [x + 2, 3 * y], asked));
  assert.deepEqual(asked, [12]);
  assert.deepEqual(lines_at(lines, 0), [[-1, -1, 0, -1, 1, -1], [-1, 1, 0, 1, 1, 1], [-1, -1, -1, 0, -1, 1], [1, -1, 1, 0, 1, 1]]);
  assert.deepEqual(lines_at(lines, .5)[0], [0, -2, 1, -2, 2, -2]);
  assert.deepEqual(lines_at(lines, 1)[3], [3, -3, 3, 0, 3, 3]);
});

test('where a grid is torn its lines get points, there alone, and only as long as they are wanted', async () => {
  const tear = carrying((x, y) => [x + .4 * Math.tanh(60 * x), y]);
  const grid = async () => warp(square_grid(3, 41, 2), tear);
  const lines = await grid(), longest = points => Math.max(...points.slice(2).map((v, i) => i % 2 ? 0 : Math.hypot(v - points[i], points[i + 3] - points[i + 1])));
  assert.ok(longest(lines_at(lines, 1)[0]) > .45);
  await refine(lines, tear, () => true);
  assert.ok(longest(lines_at(lines, 1)[0]) < .25, 'the tear is filled');
  for (const {shares, paths} of lines.slice(0, 3)) {
    assert.ok(shares.length === paths.length && shares.every((u, i) => i === 0 || u > shares[i - 1]));
    assert.ok(shares.filter(u => Math.abs(u - .5) > .03).length === 38, 'elsewhere it is as it was');
  }
  assert.ok(lines.slice(3).every(({shares}) => shares.length === 41), 'a line that is not torn is as it was');
  const given_up = await grid();
  await refine(given_up, tear, () => false);
  assert.ok(given_up.every(({shares}) => shares.length === 41));
});

test('a model is found again by its choices, and the one displaced last is the one before', () => {
  assert.deepEqual(affected(['maps', 't']), ['flow']);
  assert.deepEqual(affected(['smooth']), ['matching']);
  assert.deepEqual(affected(['rate']), ['flow', 'matching']);
  assert.deepEqual(affected(['steps', 'grid', 'which']), []);
  const shelf = new Shelf(), of = changes => choices_of('flow', {...initial, ...changes});
  const affine = shelf.put({choices: of({})}), spline = shelf.put({choices: of({maps: 'spline', couplings: 6})});
  const file = shelf.put({choices: of({}), file: 'x.safetensors'});
  assert.equal(new Set([affine, spline, file].map(({place}) => place)).size, 3);
  assert.equal(shelf.last, file);
  assert.equal(shelf.find(of({pairing: 'optimal', grid: 1})), affine);  // what a flow does not depend on
  assert.equal(shelf.find(of({set: 'moons'})), undefined);
  shelf.take(file);
  assert.equal(shelf.last, spline);
  for (let seed = 2; seed < 12; ++seed) shelf.put({choices: of({seed})});
  assert.ok(shelf.models.every(({place}) => place >= 0 && place < 8) && new Set(shelf.models.map(({place}) => place)).size === 8);
  assert.equal(shelf.find(of({})), undefined, 'the oldest gave way');
  assert.equal(words('flow', of({maps: 'spline', couplings: 6, rate: .01, set: 'two_moons'}), initial), 'splines, 6 couplings, two moons, rate 0.01');
  assert.equal(words('matching', choices_of('matching', {...initial, pairing: 'optimal'}), initial), 'optimal-transport pairs');
});

test('the pace is of the last seconds, and says what is left', () => {
  const pace = new Pace();
  assert.equal(pace.left(100), undefined);
  for (let i = 0; i <= 200; ++i) pace.add(i < 100 ? i : 100 + 3 * (i - 100), 100 * i);  // 10 a second, then 30
  assert.ok(Math.abs(pace.rate - 30) < 1e-9);
  assert.equal(pace.left(45), '2 s');
  assert.deepEqual([.2, 99, 100, 3599].map(duration), ['1 s', '99 s', '2 min', '60 min']);
});
