// Steps in a second of processor time, in the page against those of a native build, in turns: where other
// work is going on, too, a ratio of these means something.
//
//   node tests/browser/speed.mjs build/browser/gradflow.html build/plain/tests/lab_speed [ROUNDS [SECONDS]]
//
// The page is built by experiments/browser/build.sh; the native program, for SSE2 as any processor of its
// kind has it, by `cmake --preset plain && cmake --build --preset plain --target lab_speed`.
import {execFileSync} from 'node:child_process';
import {readFileSync, readdirSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {Browser} from '../experiments/browser/chromium.mjs';

const [file, program, rounds = 5, seconds = 1] = process.argv.slice(2);
const browser = new Browser(process.env.CHROMIUM ?? '/usr/bin/chromium');
const models = ['flow', 'matching'];
const middle = numbers => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// The processor time of the page's worker so far, in seconds, as Linux counts it.
const text = path => { try { return readFileSync(path, 'utf8'); } catch { return ''; } };  // it may have ended
const parent = pid => Number(text(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[1] ?? 0);
const is_ours = pid => pid === browser.process.pid || pid > 1 && is_ours(parent(pid));
function worker_seconds() {
  const workers = readdirSync('/proc').map(Number).filter(is_ours).flatMap(pid => readdirSync(`/proc/${pid}/task`)
    .map(task => `/proc/${pid}/task/${task}`).filter(task => text(`${task}/comm`).startsWith('DedicatedWorker')));
  if (workers.length !== 1) throw new Error(`${workers.length} workers found; one is required`);
  return Number(text(`${workers[0]}/schedstat`).split(' ')[0]) / 1e9;
}

// In the page, as it trains, but that it is not told of it, and so asks for no pictures.
async function in_page(page) {
  const rates = {};
  for (const which of models) {
    const steps = async call => (await page.run(`lab.ask('${call}', {which: '${which}'}).then(() => lab.ask('progress'))`))[which].steps;
    const before = await steps('train'), began = worker_seconds();
    await new Promise(resolve => setTimeout(resolve, 1000 * seconds));
    const spent = worker_seconds() - began;
    rates[which] = (await steps('pause') - before) / spent;
  }
  return rates;
}

const rows = [];
try {
  const page = await browser.page(pathToFileURL(file).href);
  await page.until('lab.idle', 'all is drawn');
  await page.run(`lab.on_progress.call = () => {}, lab.ask('reset', {seed: 1, steps: 100000})`);
  await in_page(page);  // the browser compiles as it goes
  for (let round = 0; round < rounds; ++round) {
    const native = JSON.parse(execFileSync(program, [String(seconds)], {env: {...process.env, OMP_NUM_THREADS: '1'}}));
    rows.push({native, page: await in_page(page)});
  }
} finally { await browser.close(); }
for (const which of models) {
  const of = side => rows.map(row => row[side][which]), ratios = rows.map(row => row.page[which] / row.native[which]);
  console.log(`${which.padEnd(8)}  native ${middle(of('native')).toFixed(0)}, page ${middle(of('page')).toFixed(0)} steps in a second of processor time; ` +
    `ratio ${middle(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} in ${rows.length} turns)`);
}
