// The calls that a worker answers, and that Node makes in its own thread: pictures are decoded here, and the last few
// are remembered as the network sees them, so that another map of one costs no decoding.

import { decode } from './decode.mjs';
import { Engine } from './engine.mjs';

const REMEMBERED = 24; // pictures of 150 KB

export class Service {
  #engine;
  #shown = new Map(); // by key, the last used at the end

  constructor(module, image, widen) {
    this.#engine = new Engine(module, image, widen);
  }

  info() {
    return { ...this.#engine.info, memoryBytes: this.#engine.memoryBytes };
  }

  use(image) {
    this.#shown.clear(); // another model may crop otherwise
    this.#engine.open(image);
    return this.info();
  }

  // preview: also the picture as the network sees it, [224][224][3].
  async classify(picture, { band, preview = false } = {}) {
    const size = await this.#show(picture);
    const verdict = { ...this.#engine.classify(band), ...size };
    if (preview) verdict.preview = this.#engine.shown().picture;
    return verdict;
  }

  async cam(picture, options) {
    const size = await this.#show(picture);
    return { ...this.#engine.cam(options), ...size };
  }

  async shap(picture, options, progress) {
    const size = await this.#show(picture);
    return { ...this.#engine.shap(options, progress), ...size };
  }

  async features(picture) {
    await this.#show(picture);
    return this.#engine.features();
  }

  learn(features, classes, options) {
    return this.#engine.learn(features, classes, options);
  }

  // How many of the pictures a head is right on that did not see them, in `folds` parts: by the time it is right on
  // what it has learned by heart, nothing else says what it is worth.
  crossValidate(features, classes, { folds = Math.min(10, features.length), ...options } = {}) {
    let right = 0;
    let asked = 0;
    // Every fold takes its share of each class.
    const order = features.map((_, i) => i).sort((a, b) => classes[a] - classes[b] || a - b);
    const count = Math.max(...classes) + 1;
    for (let fold = 0; fold < folds; ++fold) {
      const held = order.filter((_, place) => place % folds === fold);
      const learned = order.filter((_, place) => place % folds !== fold);
      if (held.length === 0 || new Set(learned.map((i) => classes[i])).size < count) continue;
      const head = this.#engine.learn(learned.map((i) => features[i]), learned.map((i) => classes[i]), { ...options, count });
      for (const i of held) {
        ++asked;
        if (mostLikely(head, features[i]) === classes[i]) ++right;
      }
    }
    return { right, asked };
  }

  export(head, labels, name, note) {
    return this.#engine.export(head, labels, name, note);
  }

  async #show({ key, picture }) {
    let shown = this.#shown.get(key);
    if (shown === undefined) {
      const decoded = await decode(picture);
      try {
        await this.#engine.show(decoded.width, decoded.height, decoded.channels, decoded.rows);
      } finally {
        decoded.close();
      }
      shown = { ...this.#engine.shown(), size: { width: decoded.width, height: decoded.height } };
      if (this.#shown.size >= REMEMBERED) this.#shown.delete(this.#shown.keys().next().value);
    } else {
      this.#engine.showAgain(shown);
      this.#shown.delete(key);
    }
    this.#shown.set(key, shown);
    return shown.size;
  }
}

function mostLikely({ weight, bias }, row) {
  const logits = Array.from(bias, (value, k) => row.reduce((sum, x, j) => sum + x * weight[k * row.length + j], value));
  return logits.indexOf(Math.max(...logits));
}
