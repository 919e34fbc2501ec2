// Steps a second in the page against those of a native build, on this machine, in turns: a ratio means
// something where other work is going on, too; a rate does not.
//
//   node tests/browser/speed.mjs build/browser/gradflow.html build/plain/tests/lab_speed [ROUNDS [SECONDS]]
//
// The page is built by experiments/browser/build.sh; the native program, for SSE2 as any processor of its
// kind has it, by `cmake --preset plain && cmake --build --preset plain --target lab_speed`.
import {execFileSync} from 'node:child_process';
import {pathToFileURL} from 'node:url';
import {Browser} from '../experiments/browser/chromium.mjs';

const [file, program, rounds = 5, seconds = 1] = process.argv.slice(2);
const browser = new Browser(process.env.CHROMIUM ?? '/usr/bin/chromium');
const models = ['flow', 'matching'];
const middle = numbers => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// In the page, as it trains: drawing and answering take their time beside, and are not counted.
const in_page = page => page.run(`(async () => {
  const rates = {};
  for (const which of ${JSON.stringify(models)}) {
    await lab.ask('train', {which});
    await new Promise(resolve => setTimeout(resolve, 1000 * ${seconds}));
    rates[which] = (await lab.ask('pause'))[which].steps_per_second;
  }
  return rates;
})()`);

const rows = [];
try {
  const page = await browser.page(pathToFileURL(file).href);
  await page.until('lab.idle', 'all is drawn');
  await page.run(`lab.ask('reset', {seed: 1, steps: 100000})`);
  await in_page(page);  // the browser compiles as it goes
  for (let round = 0; round < rounds; ++round) {
    const native = JSON.parse(execFileSync(program, [String(seconds)], {env: {...process.env, OMP_NUM_THREADS: '1'}}));
    rows.push({native, page: await in_page(page)});
  }
} finally { await browser.close(); }
for (const which of models) {
  const of = side => rows.map(row => row[side][which]), ratios = rows.map(row => row.page[which] / row.native[which]);
  console.log(`${which.padEnd(8)}  native ${middle(of('native')).toFixed(0)}, page ${middle(of('page')).toFixed(0)} steps a second; ` +
    `ratio ${middle(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} in ${rows.length} turns)`);
}
