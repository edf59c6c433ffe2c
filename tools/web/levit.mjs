// LeViT in WebAssembly: classify pictures, see what decided, teach another head. In a browser the work is done in
// Web Workers, in Node in the calling thread. Nothing is fetched but the module and the model beside this file.
// levit.d.ts documents every call.

import { LevitError } from './engine.mjs';
import { Pool } from './pool.mjs';

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

export class Levit {
  #quick; // verdicts, maps, learning
  #slow; // SHAP, a thread of its own, started when it is first asked for
  #start;
  #keys = new WeakMap(); // of pictures
  #lastKey = 0;

  // Use load().
  constructor(start, workers) {
    this.#start = start;
    this.#quick = new Pool(start, inNode ? 0 : workers);
  }

  async ready() {
    this.info = await this.#quick.ready();
    return this;
  }

  classify(picture, { signal, ...options } = {}) {
    return this.#quick.call('classify', [this.#keyed(picture), options], { picture, signal });
  }

  cam(picture, { signal, ...options } = {}) {
    return this.#quick.call('cam', [this.#keyed(picture), options], { picture, signal, first: true });
  }

  shap(picture, { signal, progress, ...options } = {}) {
    this.#slow ??= inNode ? this.#quick : new Pool(this.#start, 1);
    return this.#slow.call('shap', [this.#keyed(picture), options], { signal, progress });
  }

  features(picture, { signal } = {}) {
    return this.#quick.call('features', [this.#keyed(picture)], { picture, signal });
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
    const image = inNode || model instanceof Blob ? model : new Blob([model]);
    this.info = await this.#quick.use(image);
    this.#start = { ...this.#start, model: image };
    if (this.#slow !== this.#quick) this.#slow?.close();
    this.#slow = undefined;
    return this.info;
  }

  async memory() {
    return this.#quick.memoryBytes();
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

// Where browsers say how much memory there is, in gigabytes.
const memory = globalThis.navigator?.deviceMemory ?? 4;

// Each thread has its own 50 MB.
const threads = () => Math.min(4, globalThis.navigator?.hardwareConcurrency ?? 1, memory);

// model: the bytes, a Blob, or where the file lies; wasm: where the module lies or the module; widen: run on the weights
// in fp32; workers: threads that look at pictures, at most.
export async function load({ model = beside('ai_vs_real.levit'), wasm = beside(moduleName()), widen = memory >= 2, workers = threads(), progress } = {}) {
  const compiled = wasm instanceof WebAssembly.Module ? wasm : download(wasm).then((bytes) => WebAssembly.compile(bytes));
  const given = model instanceof Uint8Array || (typeof Blob === 'function' && model instanceof Blob);
  const [module, bytes] = await Promise.all([compiled, given ? model : download(model, progress)]);
  const inline = bytes instanceof Uint8Array ? bytes : new Uint8Array(await bytes.arrayBuffer());
  return new Levit({ module, model: inNode ? inline : new Blob([bytes]), widen }, Math.max(1, workers)).ready();
}
