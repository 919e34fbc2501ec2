// Makes one HTML file of the page, its worker and the library; with --site the same as a folder.
//
//   node experiments/browser/bundle.mjs --engine build/browser --out build/browser/gradflow.html
//
// The one idea: a page that is opened from the disk may load nothing, so all of it is in the file.
// Modules are put one after another, each after those that it imports; a name that two of them use
// is an error, as one scope has them all. And the code pane's lines are read from the sources here:
// an anchor that is no longer there, or twice, ends the build.
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Script} from 'node:vm';
import {gzipSync} from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '../..');
const read = (...parts) => readFileSync(join(...parts), 'utf8');

// The lines from the one that contains `from` to the first one behind it that is `to`, or before the
// one that contains `until`.
export function excerpt(source, {file, from, to, until, without_last}) {
  const lines = source.split('\n');
  const starts = lines.flatMap((line, i) => line.includes(from) ? [i] : []);
  if (starts.length !== 1)
    throw new Error(`${file}: the anchor "${from}" found ${starts.length} times; once is required`);
  const begin = starts[0];
  const length = lines.slice(begin + 1).findIndex(line => to ? line === to : line.includes(until));
  if (length < 0) throw new Error(`${file}: no "${to ?? until}" behind the anchor "${from}"`);
  const end = begin + 1 + length + (to && !without_last ? 1 : 0);
  return {line: begin + 1, text: lines.slice(begin, end).join('\n').trimEnd()};
}

export function excerpts() {
  return JSON.parse(read(here, 'page/excerpts.json')).map(entry => {
    const [first, ...more] = [entry, ...entry.and ?? []].map(part => ({...excerpt(read(root, part.file), part), file: part.file}));
    const text = [first.text, ...more.map(part => `// --- ${part.file}, line ${part.line}\n${part.text}`)].join('\n\n');
    return {id: entry.id, title: entry.title, why: entry.why, file: entry.file, line: first.line, text};
  });
}

// All modules in one text.
function joined(first) {
  const done = new Set(), texts = [], names = new Map();
  const add = name => {
    if (done.has(name)) return;
    done.add(name);
    let text = name === 'excerpts.js' ? `const excerpts = ${JSON.stringify(excerpts())};\n` : read(here, 'page', name);
    for (const [, other] of text.matchAll(/^import .* from '\.\/(.*)';$/gm)) add(other);
    text = text.replace(/^import .* from '.*';\n/gm, '').replace(/^export \{.*\};\n/gm, '').replace(/^export /gm, '');
    for (const [, declared] of text.matchAll(/^(?:const|let|class|function|async function) (\w+)/gm)) {
      if (names.has(declared)) throw new Error(`${name}: ${declared} is in ${names.get(declared)}, too`);
      names.set(declared, name);
    }
    texts.push(`// --- ${name}\n${text}`);
  };
  add(first);
  const script = `'use strict';\n${texts.join('\n')}`;
  new Script(script, {filename: first});  // read, not run: what is no JavaScript ends the build
  return script;
}

const in_html = script => script.replace(/<\/script/g, '<\\/script').replace(/<!--/g, '<\\!--');

export function bundle(engine, worker = join(here, 'worker.js')) {
  // Packed, as a server would do it: the page unpacks it (engine_link.js).
  const wasm = gzipSync(readFileSync(join(engine, 'engine.wasm')), {level: 9}).toString('base64');
  const worker_text = readFileSync(join(engine, 'engine.js'), 'utf8') + '\n' + readFileSync(worker, 'utf8');
  // As functions: a $ in the text would mean something in a replacement.
  return read(here, 'page/index.html')
    .replace('<link rel="stylesheet" href="style.css">', () => `<style>\n${read(here, 'page/style.css')}</style>`)
    .replace('<script type="module" src="main.js"></script>', () =>
      `<script type="text/plain" id="engine-worker">${in_html(worker_text)}</script>\n` +
      `<script type="text/plain" id="engine-wasm">${wasm}</script>\n` +
      `<script type="module">\n${in_html(joined('main.js'))}</script>`);
}

function main(args) {
  const given = name => { const i = args.indexOf('--' + name); return i < 0 ? undefined : args[i + 1]; };
  if (!given('engine') || !given('out')) throw new Error('bundle: --engine DIR and --out FILE are required');
  const html = bundle(given('engine'), given('worker'));
  writeFileSync(given('out'), html);
  if (given('site')) {
    mkdirSync(given('site'), {recursive: true});
    writeFileSync(join(given('site'), 'index.html'), html);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  try { main(process.argv.slice(2)); } catch (error) { console.error(error.message); process.exit(1); }
