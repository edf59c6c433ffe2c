// Types of levit.mjs: LeViT in WebAssembly.
//
//   import { load } from './levit.mjs';
//   const levit = await load();
//   const verdict = await levit.classify(file);            // a File or Blob in a browser
//   const heat = await levit.cam(file, { layer: 'stage1' });

export const SIDE: 224;
export const MOST_MEGAPIXELS: number;
export const METHODS: readonly Method[];
export const LAYERS: readonly Layer[];

export type Method = 'gradcam' | 'gradcam++' | 'hirescam' | 'layercam' | 'xgradcam';
export type Layer = 'stem' | 'stage0' | 'stage1' | 'stage2';

/** RGB or RGBA rows from the top, 8 bits; alpha is dropped. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A Blob needs a browser's decoder; in Node give pixels. */
export type Picture = Blob | Pixels;

/** code: the status of the C library ('IMAGE', 'CHECKSUM', ...), 'NETWORK', or 'CANCELLED' (name 'AbortError'). */
export class LevitError extends Error {
  readonly code: string | undefined;
}

export interface Info {
  version: string;
  /** Kernels: 'WASM' with SIMD, 'SCALAR' without. */
  target: string;
  name: string;
  note: string;
  labels: string[];
  /** Of a picture, for learning. */
  features: number;
  /** Class means that familiarity is measured from; 0: the model does not know it. */
  familiarity: number;
  parameters: number;
  checksum: string;
  /** Of the weight file. */
  bytes: number;
  /** It runs on the weights in fp32. */
  widened: boolean;
}

/** What the network sees of a picture, in pixels of the picture. */
export interface Window {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Shown {
  width: number;
  height: number;
  window: Window;
}

/** How far a picture lies from those that the model was trained on; levit_familiarity of levit.h. */
export interface Familiarity {
  /** Mahalanobis distance of its features to the nearest class mean. */
  distance: number;
  /** Per cent of the training pictures that lie nearer, 0 to 100. */
  percentile: number;
  /** 99.9 or more of them: unlike anything that the model was trained on. */
  unlike: boolean;
}

export interface Verdict extends Shown {
  label: string;
  index: number;
  probability: number;
  /** Two labels: the first one's probability lies in the band. More: none exceeds its upper end. */
  unsure: boolean;
  /** By label. */
  probabilities: number[];
  logits: number[];
  /** Of a model that knows it (`levit finetune --familiarity`). */
  familiarity?: Familiarity;
  /** With { preview: true }: [224][224][3] as the network sees the picture. */
  preview?: Uint8Array;
}

export interface Map extends Shown {
  /** The label that is spoken for. */
  index: number;
  /** [224][224] over the window. */
  map: Float32Array;
  /** Nothing speaks for the label. */
  flat: boolean;
}

export interface Cam extends Map {
  method: Method;
  layer: Layer;
}

/** map: signed sums over the colours, softened by 2.5 pixels to be seen. score = baseValue + sum + gap. */
export interface Shap extends Map {
  samples: number;
  seed: number;
  score: number;
  baseValue: number;
  sum: number;
  gap: number;
  standardError: number;
  /** With { values: true }: [3][224][224], as `levit explain --raw` writes them. */
  values?: Float32Array;
}

export interface Head {
  /** [classes][features] */
  weight: Float32Array;
  bias: Float32Array;
  loss: number;
}

export interface LearnOptions {
  /** Classes; else one more than the largest. */
  count?: number;
  /** 50 */
  epochs?: number;
  /** 1e-3 */
  rate?: number;
}

interface Cancellable {
  signal?: AbortSignal;
}

export interface Levit {
  readonly info: Info;
  /** band: [0.35, 0.65]. */
  classify(picture: Picture, options?: { band?: [number, number]; preview?: boolean } & Cancellable): Promise<Verdict>;
  /** Heat in [0, 1]: Grad-CAM at stage1 for label 0 unless told otherwise. */
  cam(picture: Picture, options?: { method?: Method; layer?: Layer; index?: number } & Cancellable): Promise<Cam>;
  /** Gradient SHAP against a blurred copy and mean grey, the values of `levit explain` for the same samples (200) and
   * seed (0). It runs in a thread of its own, and aborting the signal ends that thread at once. */
  shap(picture: Picture, options?: {
    samples?: number; seed?: number; index?: number; values?: boolean;
    /** In Node, returning false cancels. */
    progress?: (done: number, total: number) => void | boolean;
  } & Cancellable): Promise<Shap>;
  features(picture: Picture, options?: Cancellable): Promise<Float32Array>;
  /** A head as `levit finetune --val 0` trains it. classes: of each row of features, from 0. */
  learn(features: Float32Array[], classes: number[], options?: LearnOptions): Promise<Head>;
  /** Of `asked` pictures, how many a head was right on that had not seen them. */
  crossValidate(features: Float32Array[], classes: number[], options?: LearnOptions & { folds?: number }): Promise<{ right: number; asked: number }>;
  /** A .levit file: this model's backbone with that head; `use` and the program `levit` read it. */
  export(head: Pick<Head, 'weight' | 'bias'>, labels: string[], texts?: { name?: string; note?: string }): Promise<Uint8Array>;
  /** Another weight file from here on. One that is refused changes nothing. */
  use(model: Uint8Array | Blob): Promise<Info>;
  /** Bytes of WebAssembly memory of the threads that look at pictures. */
  memory(): Promise<number>;
  close(): void;
}

export interface LoadOptions {
  /** Bytes, or where they lie: 'ai_vs_real.levit' beside levit.mjs. */
  model?: Uint8Array | Blob | URL | string;
  /** Where the module lies, or the module; else the best beside levit.mjs that this engine can run. */
  wasm?: WebAssembly.Module | URL | string;
  /** Run on the weights in fp32, which takes 28 MB of memory a thread and is faster; true unless the device has less than
   * 2 GB. Probabilities differ by rounding. Files that export() makes stay in the model's type. */
  widen?: boolean;
  /** Threads that look at pictures, at most; more than one are started when many pictures wait, each with 50 MB. As many as
   * there are processors, up to 4. In Node all is done in the calling thread. */
  workers?: number;
  /** Of the model's download. */
  progress?: (loaded: number, total: number) => void;
}

export function load(options?: LoadOptions): Promise<Levit>;
export function download(url: URL | string, progress?: (loaded: number, total: number) => void): Promise<Uint8Array>;
export function hasSimd(): boolean;
/** 'levit.wasm', or 'levit-plain.wasm' where the engine has no vectors. */
export function moduleName(): string;
