// From a file to rows of pixels, by the browser's decoder, with nothing done to the values: no colour management, EXIF
// orientation applied, alpha dropped, as `levit` reads a picture.
//
// A canvas multiplies colours by alpha, so that what is transparent comes back black. A video frame of a bitmap gives
// the bitmap's own bytes where the browser keeps them as they were decoded (Chromium does).

import { LevitError } from './engine.mjs';

export const MOST_MEGAPIXELS = 100;

// { width, height, channels, rows(y, count), close() } of a Blob, or of { data, width, height } with RGB or RGBA data.
// rows() gives or promises its pixels.
export async function decode(picture) {
  return picture instanceof Blob ? decodeFile(picture) : fromPixels(picture);
}

function fromPixels({ data, width, height }) {
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4) throw new LevitError('data is neither RGB nor RGBA of that size', 'IMAGE');
  const rows = (y, count) => data.subarray(y * width * channels, (y + count) * width * channels);
  return { width, height, channels, rows, close() {} };
}

const bitmapOf = (file) => createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' });

// A PNG of one pixel: 200, 100, 50, of alpha 0.
const TRANSPARENT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mM4kWLEAAAEtQFff9OSwAAAAABJRU5ErkJggg==';

async function readsColours() {
  try {
    const bitmap = await bitmapOf(new Blob([Uint8Array.from(atob(TRANSPARENT), (character) => character.charCodeAt(0))]));
    const { rows, close } = fromFrame(bitmap);
    const [red, green, blue] = await rows(0, 1);
    close();
    return red === 200 && green === 100 && blue === 50;
  } catch {
    return false;
  }
}

// Whether this browser gives the colours below transparent parts; else they are black.
let colours;
export const keepsColours = () => (colours ??= readsColours());

const isJpeg = async (file) => new DataView(await file.slice(0, 2).arrayBuffer()).getUint16(0) === 0xffd8;

async function decodeFile(file) {
  if (file.size === 0) throw new LevitError('the file is empty', 'IMAGE');
  let bitmap;
  try {
    bitmap = await bitmapOf(file);
  } catch {
    throw new LevitError('not a picture that this browser can read, or a damaged one', 'IMAGE');
  }
  const { width, height } = bitmap;
  if (width * height > MOST_MEGAPIXELS * 1e6) {
    bitmap.close();
    throw new LevitError(`${width}x${height} are more than ${MOST_MEGAPIXELS} megapixels`, 'IMAGE');
  }
  const maybeTransparent = !(await isJpeg(file)) && (await keepsColours());
  return { width, height, channels: 4, ...(maybeTransparent ? fromFrame(bitmap) : fromCanvas(bitmap)) };
}

function fromFrame(bitmap) {
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  if (!/^(BGR|RGB)[AX]$/.test(frame.format)) throw new Error(`frames are ${frame.format}`);
  const rows = async (y, count) => {
    const pixels = new Uint8Array(4 * bitmap.width * count);
    await frame.copyTo(pixels, { rect: { x: 0, y, width: bitmap.width, height: count } }); // asked for another format it would go through a canvas
    for (let i = 0; frame.format.startsWith('B') && i < pixels.length; i += 4) {
      const blue = pixels[i];
      pixels[i] = pixels[i + 2];
      pixels[i + 2] = blue;
    }
    return pixels;
  };
  const close = () => {
    frame.close();
    bitmap.close();
  };
  return { rows, close };
}

function fromCanvas(bitmap) {
  const { width } = bitmap;
  let canvas;
  let context;
  const rows = (y, count) => {
    if (canvas === undefined) { // as large as the first strip, which no other exceeds
      canvas = new OffscreenCanvas(width, count);
      context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
      context.globalCompositeOperation = 'copy';
      context.imageSmoothingEnabled = false;
    }
    context.drawImage(bitmap, 0, -y);
    return context.getImageData(0, 0, width, count).data;
  };
  const close = () => {
    bitmap.close();
    if (canvas !== undefined) canvas.width = canvas.height = 0;
  };
  return { rows, close };
}
