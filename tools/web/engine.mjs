// One context of the library in WebAssembly, in the calling thread: memory, text and numbers in and out of bridge.c.
//
// Memory above the module's own, from the heap's base on: the weight image, the same in fp32, the arena, logits,
// probabilities and features, and one region that each call lays out anew, so that memory ends where the largest call did and stays
// there.

export const SIDE = 224;
export const METHODS = ['gradcam', 'gradcam++', 'hirescam', 'layercam', 'xgradcam']; // levit_cam_method
export const LAYERS = ['stem', 'stage0', 'stage1', 'stage2']; // levit_layer, from 1 on
const ATTRIBUTION = 2; // levit.h: LEVIT_ATTRIBUTION, which implies gradients
export const UNLIKE_PERCENTILE = Math.fround(99.9); // as the program has it: farther away than 999 of 1000 training pictures
const PAGE = 65536;
const STRIP_BYTES = 1 << 20; // of decoded pixels that are in memory at a time

const aligned = (address) => Math.ceil(address / 64) * 64;

export class LevitError extends Error {
  constructor(message, code) {
    super(message);
    this.name = code === 'CANCELLED' ? 'AbortError' : 'LevitError';
    this.code = code;
  }
}

export class Engine {
  // module: a WebAssembly.Module; image: the bytes of a .levit file (copied into the module's memory); widen: run on
  // its weights in fp32.
  constructor(module, image, widen = true) {
    const instance = new WebAssembly.Instance(module, { levit: { progress: (done, total) => this.#report(done, total) } });
    this.wasm = instance.exports;
    this.wasm._initialize?.();
    this.base = aligned(this.wasm.__heap_base.value);
    this.widen = widen;
    this.open(image);
  }

  // Takes another model; the old one is gone.
  open(image) {
    this.#reserve(this.base + image.byteLength);
    this.#bytes(this.base, image.byteLength).set(new Uint8Array(image.buffer ?? image, image.byteOffset ?? 0, image.byteLength));
    this.#check(this.wasm.web_open(this.base, image.byteLength));
    this.imageBytes = image.byteLength;
    const labels = this.wasm.web_labels();
    if (labels < 2) throw new LevitError('the model has no classifier of two or more classes', 'NO_HEAD');
    const behind = aligned(this.base + image.byteLength);
    const widened = this.widen ? this.#widenedBytes(behind) : 0;
    const arena = aligned(behind + widened);
    const bytes = this.wasm.web_arena_bytes(ATTRIBUTION, 1);
    this.logits = aligned(arena + bytes);
    this.direction = this.logits + 4 * this.wasm.web_classes();
    this.probabilities = this.direction + 4 * this.wasm.web_classes();
    this.pooled = this.probabilities + 4 * labels;
    this.free = aligned(this.pooled + 4 * this.wasm.web_features());
    this.#reserve(this.free + 4 * STRIP_BYTES); // what pictures of usual sizes take
    this.#check(this.wasm.web_create(arena, bytes));
    this.info = { ...this.#info(), widened: widened > 0 };
  }

  // Bytes of the weights in fp32 at `at`; 0 when the file has them so, or memory has no room.
  #widenedBytes(at) {
    const bytes = this.wasm.web_widened_bytes();
    if (bytes === 0) return 0;
    try {
      this.#reserve(at + bytes);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
    return this.wasm.web_widen(at, bytes) === 0 ? bytes : 0;
  }

  #info() {
    const labels = Array.from({ length: this.wasm.web_labels() }, (_, i) => this.#text(this.wasm.web_label(i)));
    return {
      version: this.#text(this.wasm.web_version()),
      target: this.#text(this.wasm.web_target()),
      name: this.#text(this.wasm.web_name()),
      note: this.#text(this.wasm.web_note()),
      // One that several classes share gets the number of its class, as the program has it.
      labels: labels.map((label, i) => (labels.indexOf(label) === i ? label : `${label} (class ${i})`)),
      features: this.wasm.web_features(),
      familiarity: this.wasm.web_means(),
      parameters: this.wasm.web_parameters(),
      checksum: BigInt.asUintN(64, this.wasm.web_checksum()).toString(16).padStart(16, '0'),
      bytes: this.imageBytes,
    };
  }

  // The picture that the calls below are about: RGB or RGBA rows from the top; rows(y, count) gives or promises the
  // pixels of [y, y + count) as they are needed, so that a large picture is never here whole. No other call meanwhile.
  async show(width, height, channels, rows) {
    const scratch = this.wasm.web_rows_bytes(width, height);
    if (scratch === 0) throw new LevitError(`a picture of ${width}x${height} pixels cannot be resized`, 'IMAGE');
    const strip = Math.max(1, Math.floor(STRIP_BYTES / (width * channels)));
    const pixels = aligned(this.free + scratch);
    this.#reserve(pixels + strip * width * channels);
    this.#check(this.wasm.web_rows_begin(width, height, this.free, scratch));
    for (let y = 0; y < height; y += strip) {
      const count = Math.min(strip, height - y);
      const part = await rows(y, count);
      if (part.length < count * width * channels) throw new LevitError('pixels are missing', 'IMAGE');
      this.#bytes(pixels, part.length).set(part);
      this.#check(this.wasm.web_rows_add(pixels, width, count, channels));
    }
    this.#check(this.wasm.web_rows_end());
    const at = this.wasm.web_window(width, height);
    const [left, top, seenWidth, seenHeight] = new Float64Array(this.wasm.memory.buffer, at, 4);
    this.window = { left, top, width: seenWidth, height: seenHeight };
  }

  // What show() made of a picture, to come back to it without its pixels.
  shown() {
    return { picture: this.#bytes(this.wasm.web_picture(), 3 * SIDE * SIDE).slice(), window: this.window };
  }

  showAgain({ picture, window }) {
    this.#bytes(this.wasm.web_picture(), picture.length).set(picture);
    this.window = window;
  }

  // The verdict on what was shown. band: of probabilities of the first of two labels that decide nothing; of more
  // labels, the most likely one must exceed its upper end.
  classify([low, high] = [0.35, 0.65]) {
    this.#check(this.wasm.web_classify(this.logits, this.probabilities, this.pooled));
    const { labels } = this.info;
    const probabilities = Array.from(this.#floats(this.probabilities, labels.length));
    let most = 0;
    probabilities.forEach((value, i) => { if (value > probabilities[most]) most = i; });
    const unsure = labels.length === 2 ? probabilities[0] >= low && probabilities[0] <= high : probabilities[most] <= high;
    const verdict = {
      label: labels[most],
      index: most,
      probability: probabilities[most],
      unsure,
      probabilities,
      logits: Array.from(this.#floats(this.logits, this.wasm.web_classes())),
      window: this.window,
    };
    if (this.info.familiarity > 0) {
      const [distance, percentile] = this.#floats(this.wasm.web_familiarity(), 2);
      verdict.familiarity = { distance, percentile, unlike: percentile >= UNLIKE_PERCENTILE };
    }
    return verdict;
  }

  // Heat in [0, 1] over what was shown, [224][224]; flat: no part speaks for the label.
  cam({ method = 'gradcam', layer = 'stage1', index = 0 } = {}) {
    const number = METHODS.indexOf(method);
    const at = LAYERS.indexOf(layer) + 1;
    if (number < 0) throw new LevitError(`no method "${method}": ${METHODS.join(', ')}`, 'ARGUMENT');
    if (at < 1) throw new LevitError(`no layer "${layer}": ${LAYERS.join(', ')}`, 'ARGUMENT');
    this.#label(index);
    this.#check(this.wasm.web_cam(number, at, index, this.direction));
    return { method, layer, index, map: this.#map(), flat: this.wasm.web_flat() !== 0, window: this.window };
  }

  // Gradient SHAP of what was shown. progress(done, total) may return false to cancel. map: the values of each pixel
  // summed over its colours, softened to be seen; values: all, [3][224][224].
  shap({ samples = 200, seed = 0, index = 0, values = false } = {}, progress) {
    this.#label(index);
    if (!(samples >= 1)) throw new LevitError('at least one sample is needed', 'ARGUMENT');
    this.progress = progress;
    try {
      this.#check(this.wasm.web_shap(index, samples, seed, this.direction));
    } finally {
      this.progress = undefined;
    }
    const [score, baseValue, sum, gap, standardError] = new Float64Array(this.wasm.memory.buffer, this.wasm.web_numbers(), 5);
    const result = { samples, seed, index, map: this.#map(), flat: this.wasm.web_flat() !== 0, window: this.window,
      score, baseValue, sum, gap, standardError };
    if (values) result.values = this.#floats(this.wasm.web_values(), 3 * SIDE * SIDE).slice();
    return result;
  }

  // What a head learns from, of what was shown.
  features() {
    this.#check(this.wasm.web_picture_features(this.pooled));
    return this.#floats(this.pooled, this.info.features).slice();
  }

  // A head from features (an array of what features() gave) and the class of each, as `levit finetune --val 0` trains
  // it: { weight, bias, loss }.
  learn(features, classes, { count = Math.max(...classes) + 1, epochs = 50, rate = 1e-3 } = {}) {
    const width = this.info.features;
    const bytes = this.wasm.web_learn_bytes(count);
    const rows = this.free;
    const labels = rows + 4 * width * features.length;
    const order = labels + 4 * features.length;
    const room = order + 4 * features.length;
    const weight = room + 4 * width * 66;
    const bias = weight + 4 * width * count;
    const loss = aligned(bias + 4 * count);
    const trainer = aligned(loss + 8);
    this.#reserve(trainer + bytes);
    features.forEach((row, i) => this.#floats(rows + 4 * width * i, width).set(row));
    new Uint32Array(this.wasm.memory.buffer, labels, classes.length).set(classes);
    this.#check(this.wasm.web_learn(rows, labels, features.length, count, epochs, rate, order, room, trainer, bytes,
      weight, bias, loss));
    return {
      weight: this.#floats(weight, width * count).slice(),
      bias: this.#floats(bias, count).slice(),
      loss: new Float64Array(this.wasm.memory.buffer, loss, 1)[0],
    };
  }

  // The weight file of this model's backbone with another head, as `levit` reads it.
  export({ weight, bias }, labels, name, note) {
    const count = labels.length;
    const texts = [...labels, name, note].map((text) => new TextEncoder().encode(text + '\0'));
    const headBytes = this.wasm.web_head_bytes(count);
    let at = this.free;
    const take = (bytes) => {
      const address = at;
      at = aligned(at + bytes);
      this.#reserve(at);
      return address;
    };
    const weights = take(weight.byteLength);
    const biases = take(bias.byteLength);
    const head = take(headBytes);
    const addresses = texts.map((text) => take(text.length));
    const table = take(4 * count);
    this.#floats(weights, weight.length).set(weight);
    this.#floats(biases, bias.length).set(bias);
    texts.forEach((text, i) => this.#bytes(addresses[i], text.length).set(text));
    new Uint32Array(this.wasm.memory.buffer, table, count).set(addresses.slice(0, count));
    const bytes = this.wasm.web_export_bytes(weights, biases, count, head, headBytes, table, addresses[count], addresses[count + 1]);
    if (bytes === 0) throw new LevitError('the head cannot be written: a label or a text is too long', 'STRINGS');
    const file = take(bytes);
    this.#check(this.wasm.web_export(file, bytes));
    return this.#bytes(file, bytes).slice();
  }

  get memoryBytes() {
    return this.wasm.memory.buffer.byteLength;
  }

  #report(done, total) {
    return this.progress?.(done, total) === false ? 1 : 0;
  }

  #label(index) {
    if (!(index in this.info.labels)) throw new LevitError(`no label ${index}`, 'CLASS');
  }

  #check(status) {
    if (status === 0) return;
    throw new LevitError(this.#text(this.wasm.web_status_text(status)), this.#text(this.wasm.web_status_name(status)));
  }

  // Views are made anew for each use: growing detaches them.
  #reserve(end) {
    const missing = end - this.wasm.memory.buffer.byteLength;
    if (missing > 0) this.wasm.memory.grow(Math.ceil(missing / PAGE));
  }

  #bytes(at, length) {
    return new Uint8Array(this.wasm.memory.buffer, at, length);
  }

  #floats(at, length) {
    return new Float32Array(this.wasm.memory.buffer, at, length);
  }

  #map() {
    return this.#floats(this.wasm.web_map(), SIDE * SIDE).slice();
  }

  #text(at) {
    if (at === 0) return '';
    const rest = new Uint8Array(this.wasm.memory.buffer, at);
    return new TextDecoder().decode(rest.subarray(0, rest.indexOf(0)));
  }
}
