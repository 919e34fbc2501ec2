// The page's worker in node: its script, and the messages between the two.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const script = join(dirname(fileURLToPath(import.meta.url)), '../../experiments/browser/worker.js');

// Node hands on a thousand messages of a channel before it looks at its timers; a browser takes turns.
class Channel {
  port1 = {onmessage: null, close: () => { this.port1.onmessage = () => {}; }};
  port2 = {postMessage: () => setImmediate(() => this.port1.onmessage())};
}

function newWorker(build) {
  const scope = {postMessage: (message) => deliver(message), onmessage: null};
  const waiting = new Map();
  const events = [];
  const deliver = (message) => {
    if (message.event) return events.push(message);
    const {resolve, reject} = waiting.get(message.id);
    waiting.delete(message.id);
    'error' in message ? reject(new Error(message.error)) : resolve(message.result);
  };
  const text = readFileSync(join(build, 'engine.js'), 'utf8') + '\n' +
      readFileSync(script, 'utf8') + '\nscope.onmessage = onmessage; scope.close = () => { training = null; channel.port1.close(); };';
  new Function('scope', 'require', '__filename', '__dirname', 'MessageChannel', 'let onmessage; const postMessage = scope.postMessage;' + text)(
      scope, createRequire(import.meta.url), join(build, 'engine.js'), build, Channel);
  let last = 0;
  const ask = (call, args) => new Promise((resolve, reject) => {
    waiting.set(++last, {resolve, reject});
    scope.onmessage({data: {id: last, call, args}});
  });
  return {ask, events, close: () => scope.close()};
}

// `build`: the folder with engine.js and engine.wasm.
export async function startedWorker(build) {
  const worker = newWorker(build);
  const wasm = readFileSync(join(build, 'engine.wasm'));
  await worker.ask('start', {wasm: wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength)});
  return worker;
}
