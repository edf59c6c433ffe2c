// From a file to rows of pixels, by the browser's decoder, with nothing done to the values: no colour management, EXIF
// orientation applied, as `levit` reads a picture.

import { LevitError } from './engine.mjs';

export const MOST_MEGAPIXELS = 100;

// { width, height, channels, rows(y, count), close() } of a Blob, or of { data, width, height } with RGB or RGBA data.
export async function decode(picture) {
  return picture instanceof Blob ? decodeFile(picture) : fromPixels(picture);
}

function fromPixels({ data, width, height }) {
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4) throw new LevitError('data is neither RGB nor RGBA of that size', 'IMAGE');
  const rows = (y, count) => data.subarray(y * width * channels, (y + count) * width * channels);
  return { width, height, channels, rows, close() {} };
}

async function decodeFile(file) {
  if (file.size === 0) throw new LevitError('the file is empty', 'IMAGE');
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  } catch {
    throw new LevitError('not a picture that this browser can read, or a damaged one', 'IMAGE');
  }
  const { width, height } = bitmap;
  if (width * height > MOST_MEGAPIXELS * 1e6) {
    bitmap.close();
    throw new LevitError(`${width}x${height} are more than ${MOST_MEGAPIXELS} megapixels`, 'IMAGE');
  }
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
  return { width, height, channels: 4, rows, close };
}
