// The Worker, in which the C++ library trains. The page asks, and goes on; answers are promises.

let worker, next = 1;
const waiting = new Map();
export const on_progress = {call: () => {}};  // told of the training ten times a second, and if it stopped

function arrived({data}) {
  if (data.event) return on_progress.call(data);
  const {resolve, reject} = waiting.get(data.id) ?? {};
  waiting.delete(data.id);
  if (data.error !== undefined) reject?.(new Error(data.error));
  else resolve?.(data.result);
}

export function ask(call, args = {}) {
  return new Promise((resolve, reject) => {
    waiting.set(next, {resolve, reject});
    worker.postMessage({id: next++, call, args});
  });
}

const text_of = id => document.getElementById(id).textContent;

// One file: the bundler has put the worker's text and the library, packed and in base64, into the page.
export async function start() {
  const packed = Uint8Array.from(atob(text_of('engine-wasm').trim()), c => c.charCodeAt(0));
  const bytes = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  const source = new Blob([text_of('engine-worker')], {type: 'text/javascript'});
  worker = new Worker(URL.createObjectURL(source));
  worker.onmessage = arrived;
  const failed = new Promise((_, reject) => {
    worker.onerror = e => reject(new Error(`the library did not start: ${e.message}`));
  });
  await Promise.race([failed, ask('start', {wasm: bytes})]);
}
