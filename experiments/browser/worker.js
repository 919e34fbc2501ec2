// The worker: holds the engine (engine.cpp) and answers the page, {id, call, args} -> {id, result} or
// {id, error}, while it trains.
//
// The one idea: a worker that trains cannot listen. So it trains for a few milliseconds, lets the
// messages in that have come meanwhile, and goes on.
//
// engine.js, which defines createEngine, stands before this in the same script. The first message is
// {call: 'start', args: {wasm}}, with the bytes of engine.wasm.
'use strict';

const kSlice = 30;      // of training, in milliseconds
const kReport = 100;    // at most so often is progress told, in milliseconds

let engine = null;      // what createEngine has made
let training = null;    // 'flow', 'matching' or 'both', while it does; to the end of their courses
let lastReport = 0;
let spent = {flow: {steps: 0, ms: 0}, matching: {steps: 0, ms: 0}};  // since `train`

// Typed arrays within a value are given to the engine, and leave their numbers behind.
function withoutArrays(value, given) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const numbers = value instanceof Float32Array ? value : Float32Array.from(value);
    const at = engine._lab_give(numbers.length);
    engine.HEAPF32.set(numbers, at >> 2);
    return {$array: given.count++};
  }
  if (Array.isArray(value)) return value.map((v) => withoutArrays(v, given));
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withoutArrays(v, given)]));
  return value;
}

// And back: the arrays of an answer, copied out of the engine's memory.
function withArrays(value, transfer) {
  if (Array.isArray(value)) return value.map((v) => withArrays(v, transfer));
  if (!value || typeof value !== 'object') return value;
  if ('$array' in value) {
    const at = engine._lab_result(value.$array) >> 2;
    const copy = engine.HEAPF32.slice(at, at + engine._lab_result_size(value.$array));
    transfer.push(copy.buffer);
    return copy;
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withArrays(v, transfer)]));
}

// Asks the engine. Throws what it says is wrong.
function ask(call, args = {}, transfer = []) {
  const text = JSON.stringify({call, args: withoutArrays(args, {count: 0})});
  const size = engine.lengthBytesUTF8(text) + 1;
  const at = engine._malloc(size);
  engine.stringToUTF8(text, at, size);
  const reply = JSON.parse(engine.UTF8ToString(engine._lab_ask(at)));
  engine._free(at);
  if (reply.error !== undefined) throw new Error(reply.error);
  return withArrays(reply.result, transfer);
}

// Four bytes to a number, with their bits as they are.
function asNumbers(bytes) {
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  padded.set(new Uint8Array(bytes));
  return new Float32Array(padded.buffer);
}

function progress() {
  const told = ask('progress');
  for (const which of ['flow', 'matching'])
    told[which].steps_per_second =
        spent[which].ms > 0 ? 1000 * spent[which].steps / spent[which].ms : 0;
  return told;
}

// Messages reach a worker between tasks, and a timer's tasks are held back to one in 4 ms: hence a
// channel to itself.
const channel = new MessageChannel();
channel.port1.onmessage = slice;
const goOn = () => channel.port2.postMessage(null);

function slice() {
  if (!training) return;
  try {
    const end = performance.now() + kSlice;
    let models = training === 'both' ? ['flow', 'matching'] : [training], told = ask('progress');
    while ((models = models.filter((which) => told[which].rate > 0)).length > 0 && performance.now() < end)
      for (const which of models) {
        const began = performance.now();
        told = ask('step', {which, steps: 1});
        spent[which].steps += 1;
        spent[which].ms += performance.now() - began;
      }
    if (models.length === 0) training = null;  // to the end: the rate has fallen to 0
    if (!training || performance.now() - lastReport >= kReport) {
      lastReport = performance.now();
      postMessage({event: 'progress', ...progress()});
    }
    goOn();
  } catch (error) {
    training = null;
    postMessage({event: 'stopped', error: error.message});
  }
}

const own = {
  async start({wasm}) {
    engine = await createEngine({wasmBinary: wasm});
    return {};
  },
  train({which = 'both'}) {
    const idle = training === null;
    training = which;
    spent = {flow: {steps: 0, ms: 0}, matching: {steps: 0, ms: 0}};
    if (idle) goOn();
    return {};
  },
  pause() {
    training = null;
    return progress();
  },
  step(args) {
    ask('step', args);
    return progress();
  },
  save(args) {
    const {bytes, size} = ask('save', args);
    return {bytes: bytes.buffer.slice(0, size)};
  },
  load({bytes}, transfer) {
    return ask('load', {bytes: asNumbers(bytes), size: bytes.byteLength}, transfer);
  },
};

onmessage = async ({data: {id, call, args}}) => {
  const transfer = [];
  try {
    const result = await (call in own ? own[call](args ?? {}, transfer) : ask(call, args, transfer));
    postMessage({id, result}, transfer);
  } catch (error) {
    postMessage({id, error: error.message});
  }
};
