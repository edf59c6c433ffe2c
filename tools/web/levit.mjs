// LeViT in WebAssembly: classify pictures, see what decided, teach another head. In a browser the work is done in
// Web Workers, in Node in the calling thread. Nothing is fetched but the module and the model beside this file.
// levit.d.ts documents every call.

import { LevitError } from './engine.mjs';
import { Service } from './service.mjs';

export { LAYERS, LevitError, METHODS, SIDE } from './engine.mjs';
export { MOST_MEGAPIXELS } from './decode.mjs';

const inNode = typeof process === 'object' && process.versions?.node !== undefined;

// A module of one function: i32.const 0, i8x16.splat. It is valid where the engine has 128-bit vectors.
const splat = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b];
export const hasSimd = () => WebAssembly.validate(new Uint8Array(splat));

const beside = (name) => new URL(name, import.meta.url);

// The module for this engine, beside this file.
export function moduleName() {
  return hasSimd() ? 'levit.wasm' : 'levit-plain.wasm';
}

// The bytes behind a URL, with progress(loaded, total) as they come; total is 0 when the server does not say.
export async function download(url, progress) {
  if (inNode && new URL(url).protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return new Uint8Array(await readFile(new URL(url)));
  }
  const response = await fetch(url);
  if (!response.ok) throw new LevitError(`${url}: the server answers ${response.status}`, 'NETWORK');
  const total = Number(response.headers.get('content-length') ?? 0);
  const parts = [];
  let loaded = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.length;
    progress?.(loaded, Math.max(total, loaded));
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

// A worker that is started again when a call in it is cancelled; the other calls that wait in it are made again.
class Thread {
  #waiting = new Map(); // by id, in the order of the calls
  #next = 1;

  constructor(start) {
    this.#begin(start);
  }

  #begin(start) {
    this.start = start;
    this.worker = new Worker(beside('worker.mjs'), { type: 'module' });
    this.worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.worker.addEventListener('error', (event) => {
      for (const id of [...this.#waiting.keys()]) this.#receive({ id, error: { message: event.message || 'the worker does not start' } });
    });
    this.worker.postMessage(start);
  }

  // The answer to the start: what the model is.
  ready() {
    return new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
  }

  call(call, args, { signal, progress } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new LevitError('cancelled', 'CANCELLED'));
      const id = this.#next++;
      const onabort = () => this.#cancel(id);
      signal?.addEventListener('abort', onabort);
      const done = (settle) => (value) => {
        signal?.removeEventListener('abort', onabort);
        settle(value);
      };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject), progress, message: { id, call, args } });
      this.worker.postMessage({ id, call, args });
    });
  }

  // Another model from now on, also after a cancel.
  restartWith(start) {
    this.start = start;
  }

  close() {
    this.worker.terminate();
    for (const id of [...this.#waiting.keys()]) this.#receive({ id, error: { message: 'closed', code: 'CANCELLED' } });
  }

  #cancel(id) {
    const cancelled = this.#waiting.get(id);
    if (cancelled === undefined) return;
    this.#waiting.delete(id);
    this.worker.terminate();
    this.#begin(this.start);
    for (const { message } of this.#waiting.values()) if (message !== undefined) this.worker.postMessage(message);
    cancelled.reject(new LevitError('cancelled', 'CANCELLED'));
  }

  #receive({ id, result, error, progress }) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if (progress !== undefined) {
      waiting.progress?.(progress.done, progress.total);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new LevitError(error.message, error.code));
  }
}

// The same calls without a worker, one after another too: between showing a picture to the network and asking about it
// no other may be shown.
class Inline {
  #last = Promise.resolve();

  constructor({ module, model, widen }) {
    this.service = new Service(module, model, widen);
  }

  async ready() {
    return this.service.info();
  }

  call(call, args, { signal, progress } = {}) {
    const made = this.#last.then(() => {
      if (signal?.aborted) throw new LevitError('cancelled', 'CANCELLED');
      return this.service[call](...args, (done, total) => progress?.(done, total) !== false && !signal?.aborted);
    });
    this.#last = made.catch(() => {});
    return made;
  }

  restartWith() {}
  close() {}
}

export class Levit {
  #quick; // verdicts, maps, learning
  #slow; // SHAP, which may be cancelled; started when it is first asked for
  #start;
  #keys = new WeakMap(); // of pictures
  #lastKey = 0;

  // Use load().
  constructor(start) {
    this.#start = start;
    this.#quick = this.#thread();
  }

  #thread() {
    return inNode ? new Inline(this.#start) : new Thread(this.#start);
  }

  async ready() {
    this.info = await this.#quick.ready();
    return this;
  }

  classify(picture, { signal, ...options } = {}) {
    return this.#quick.call('classify', [this.#keyed(picture), options], { signal });
  }

  cam(picture, { signal, ...options } = {}) {
    return this.#quick.call('cam', [this.#keyed(picture), options], { signal });
  }

  shap(picture, { signal, progress, ...options } = {}) {
    this.#slow ??= inNode ? this.#quick : this.#thread();
    return this.#slow.call('shap', [this.#keyed(picture), options], { signal, progress });
  }

  features(picture, { signal } = {}) {
    return this.#quick.call('features', [this.#keyed(picture)], { signal });
  }

  learn(features, classes, options = {}) {
    return this.#quick.call('learn', [features, classes, options]);
  }

  crossValidate(features, classes, options = {}) {
    return this.#quick.call('crossValidate', [features, classes, options]);
  }

  export(head, labels, { name = '', note = '' } = {}) {
    return this.#quick.call('export', [head, labels, name, note]);
  }

  // Another weight file: bytes, or a Blob. The one before stays when this one is refused.
  async use(model) {
    const bytes = model instanceof Blob ? new Uint8Array(await model.arrayBuffer()) : model;
    const start = { ...this.#start, model: inNode ? bytes : new Blob([bytes]) };
    const previous = this.#start;
    try {
      this.info = await this.#quick.call('use', [bytes]);
    } catch (error) {
      const old = previous.model instanceof Blob ? new Uint8Array(await previous.model.arrayBuffer()) : previous.model;
      await this.#quick.call('use', [old]);
      throw error;
    }
    this.#start = start;
    this.#quick.restartWith(start);
    if (this.#slow !== this.#quick) this.#slow?.close();
    this.#slow = undefined;
    return this.info;
  }

  memory() {
    return this.#quick.call('info', []).then(({ memoryBytes }) => memoryBytes);
  }

  close() {
    this.#quick.close();
    if (this.#slow !== this.#quick) this.#slow?.close();
  }

  // A picture goes by its number, so that a thread remembers what it has decoded.
  #keyed(picture) {
    if (!this.#keys.has(picture)) this.#keys.set(picture, ++this.#lastKey);
    return { key: this.#keys.get(picture), picture };
  }
}

// Where browsers say how much memory there is, in gigabytes, a thread takes 28 MB more from two on.
const hasMemory = () => (globalThis.navigator?.deviceMemory ?? 2) >= 2;

// model: the bytes, a Blob, or where the file lies; wasm: where the module lies or the module; widen: run on the weights
// in fp32.
export async function load({ model = beside('ai_vs_real.levit'), wasm = beside(moduleName()), widen = hasMemory(), progress } = {}) {
  const compiled = wasm instanceof WebAssembly.Module ? wasm : download(wasm).then((bytes) => WebAssembly.compile(bytes));
  const given = model instanceof Uint8Array || (typeof Blob === 'function' && model instanceof Blob);
  const [module, bytes] = await Promise.all([compiled, given ? model : download(model, progress)]);
  const inline = bytes instanceof Uint8Array ? bytes : new Uint8Array(await bytes.arrayBuffer());
  return new Levit({ module, model: inNode ? inline : new Blob([bytes]), widen }).ready();
}
