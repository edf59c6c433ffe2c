// Colours of the maps, as `levit explain` draws them: straight lines through lightness, chroma and hue of OkLab, and
// how a map lies over a picture.

import { SIDE } from './levit.mjs';

const HEAT = [[0.20, 0.09, 285], [0.35, 0.16, 305], [0.50, 0.20, 350], [0.65, 0.20, 392], [0.80, 0.17, 430], [0.95, 0.10, 465]];
const FOR = [[0.98, 0, 25], [0.77, 0.14, 25], [0.53, 0.22, 27]];
const AGAINST = [[0.98, 0, 250], [0.77, 0.12, 250], [0.50, 0.19, 258]];

function linearRgb(lightness, a, b) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
  ];
}

const encoded = (v) => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);

function rgb(lightness, chroma, hue) {
  const angle = (hue * Math.PI) / 180;
  const at = (share) => linearRgb(lightness, chroma * share * Math.cos(angle), chroma * share * Math.sin(angle));
  const inside = (values) => values.every((v) => v >= -1e-4 && v <= 1.0001);
  let low = 0;
  let high = 1; // share of the chroma that the screen can show
  for (let i = 0; i < 12 && !inside(at(1)); ++i) {
    const middle = (low + high) / 2;
    if (inside(at(middle))) low = middle;
    else high = middle;
  }
  return at(inside(at(1)) ? 1 : low).map((v) => Math.round(255 * encoded(Math.min(1, Math.max(0, v)))));
}

function along(stops, position) {
  const scaled = position * (stops.length - 1);
  const i = Math.min(Math.floor(scaled), stops.length - 2);
  return rgb(...stops[i].map((from, k) => from + (scaled - i) * (stops[i + 1][k] - from)));
}

const table = (stops) => Array.from({ length: 256 }, (_, i) => along(stops, i / 255));
const heat = table(HEAT);
const speaksFor = table(FOR);
const speaksAgainst = table(AGAINST);

const clamp = (v) => Math.min(1, Math.max(0, v));

// The magnitude that all but one in a thousand values stay below: full colour from there on.
export function fullScale(map) {
  const magnitudes = Float32Array.from(map, Math.abs).sort();
  return magnitudes[Math.floor(0.999 * (magnitudes.length - 1))];
}

// map [224][224]: heat in [0, 1], or signed values with the scale of full colour.
export function draw(canvas, map, strength, scale) {
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < map.length; ++i) {
    const value = scale === undefined ? map[i] : map[i] / (scale || 1);
    const part = clamp(Math.abs(value));
    const colours = scale === undefined ? heat : value >= 0 ? speaksFor : speaksAgainst;
    image.data.set(colours[Math.round(255 * part)], 4 * i);
    // Cold regions are covered least, so that the picture stays recognisable below the heat.
    image.data[4 * i + 3] = 255 * strength * (scale === undefined ? 0.3 + 0.7 * part : part ** 0.7);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

export function clear(canvas) {
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
}

// The colours of a map as a CSS background.
export function ramp(signed) {
  const css = (colours) => [0, 51, 102, 153, 204, 255].map((i) => `rgb(${colours[i].join(' ')})`);
  const list = signed ? [...css(speaksAgainst).reverse(), ...css(speaksFor).slice(1)] : css(heat);
  return `linear-gradient(to right, ${list.join(', ')})`;
}
