// One picture in full: its verdict, and over it the map of a method, a layer and a label.

import { $, element, farther, percent, spoken as spokenOf } from './dom.mjs';
import { clear, draw, fullScale, ramp } from './heat.mjs';
import { SIDE } from './levit.mjs';

let levit; // a function that gives it
let item; // shown
let url; // of its picture
let map; // drawn: { map, scale }
let running; // AbortController of a SHAP run
let asked = 0; // of the map wanted last

const spoken = (label) => spokenOf(label, levit().info.labels);

const settings = () => ({ method: $('method').value, layer: $('layer').value, index: Number($('target').value), samples: Number($('samples').value) });

function fixed(value) {
  return value.toFixed(3).replace('-', '\u2212');
}

function verdictOf({ verdict }) {
  const { labels } = levit().info;
  const two = labels.length === 2;
  const kind = verdict.unsure ? 'unsure' : verdict.index === 0 ? 'first' : 'second';
  $('verdict-word').className = `verdict-word ${kind}`;
  const builtIn = spoken(labels[0]) !== labels[0];
  $('verdict-word').textContent = verdict.unsure ? 'Unsure' : builtIn ? `Looks ${spoken(verdict.label)}` : verdict.label;
  const shares = labels.map((label, i) => [label, verdict.probabilities[i]]).sort((a, b) => b[1] - a[1]);
  $('verdict-text').textContent = `${shares.slice(0, 2).map(([label, share]) => `${percent(share)} ${spoken(label)}`).join(', ')} · ${verdict.width} x ${verdict.height} pixels`;
  const { familiarity } = verdict;
  $('familiarity').hidden = familiarity === undefined;
  $('familiarity').classList.toggle('unlike', familiarity?.unlike === true);
  if (familiarity) {
    $('familiarity').textContent = familiarity.unlike ? `Unlike anything it was trained on: farther away than ${farther(familiarity)} of its training pictures`
      : `Farther away than ${farther(familiarity)} of the pictures it was trained on`;
  }
  $('gauge').hidden = $('gauge-ends').hidden = !two;
  $('shares').hidden = two;
  if (two) {
    $('gauge').style.setProperty('--at', `${(100 * verdict.probabilities[0]).toFixed(2)}%`);
    $('gauge').setAttribute('aria-label', `${percent(verdict.probabilities[0])} for ${spoken(labels[0])}; between 35 and 65 % is unsure`);
    const [left, right] = $('gauge-ends').children;
    left.textContent = spoken(labels[1]);
    right.textContent = spoken(labels[0]);
  } else {
    $('shares').replaceChildren(...shares.slice(0, 5).map(([label, share]) => element('li', {}, element('span', { textContent: label }), element('span', { textContent: percent(share) }))));
  }
}

// Places the canvas over the part of the picture that the network saw.
function place({ width, height, window: seen }) {
  const share = (part, whole) => `${(100 * part) / whole}%`;
  Object.assign($('heat').style, { left: share(seen.left, width), top: share(seen.top, height), width: share(seen.width, width), height: share(seen.height, height) });
}

function paint() {
  const signed = map?.scale !== undefined;
  const strength = Number($('strength').value) / 100;
  // The picture gives way to the colours of the map.
  const muted = signed ? `grayscale(1) contrast(${1 - 0.5 * strength}) brightness(${1 + 0.15 * strength})` : `grayscale(${strength / 2})`;
  $('photo').style.filter = map && strength > 0 ? muted : '';
  if (map) draw($('heat'), map.map, strength, map.scale);
  else clear($('heat'));
}

function legend(result, signed) {
  const label = spoken(levit().info.labels[result.index]);
  const bar = element('span', { className: 'ramp' });
  bar.style.background = ramp(signed);
  $('legend').replaceChildren(signed ? `against ${label}` : 'little', bar, signed ? `for ${label}` : `most for ${label}`);
  $('heat').setAttribute('aria-label', `${$('method').selectedOptions[0].textContent}: where the picture speaks for ${label}`);
}

function note(result) {
  const label = spoken(levit().info.labels[result.index]);
  if (result.flat) return `Flat map: no part of the picture speaks for ${label}.`;
  if (result.score === undefined) {
    return `Where the network is active for ${label}. At saying what decided, such maps of this model are hardly better than random ones; SHAP is.`;
  }
  return `Score ${fixed(result.score)} = base ${fixed(result.baseValue)} + sum ${fixed(result.sum)} + gap ${fixed(result.gap)}; `
    + `standard error of the sum ${fixed(result.standardError)}; ${result.samples} samples, seed ${result.seed}, against a blurred copy and mean grey. Drawn softened.`;
}

function present(result) {
  const signed = result.score !== undefined;
  map = { map: result.map, scale: signed ? fullScale(result.map) : undefined };
  place(result);
  legend(result, signed);
  $('map-note').textContent = note(result);
  paint();
}

function empty(text = '') {
  map = undefined;
  $('legend').replaceChildren();
  $('map-note').textContent = text;
  paint();
}

async function refresh() {
  const { method, layer, index, samples } = settings();
  const shap = method === 'shap';
  $('shap').hidden = !shap;
  $('layer-control').hidden = shap;
  if (!item?.verdict) return;
  const current = ++asked;
  if (shap) {
    const kept = item.maps?.[`${index}/${samples}`];
    if (kept) present(kept);
    else empty('SHAP asks the network about many mixtures of the picture and a background; it takes a few seconds to a minute, and shows more than the quick maps.');
    return;
  }
  try {
    const result = await levit().cam(item.file, { method, layer, index });
    if (current === asked) present(result);
  } catch (error) {
    if (current === asked) empty(error.message);
  }
}

async function runShap() {
  const { index, samples } = settings();
  const of = item;
  const started = performance.now();
  running = new AbortController();
  $('shap-start').hidden = true;
  $('shap-run').hidden = false;
  $('shap-bar').value = 0;
  $('shap-text').textContent = 'Starting';
  $('shap-cancel').focus();
  const progress = (done, total) => {
    $('shap-bar').value = done / total;
    const left = ((performance.now() - started) / 1000) * (total / Math.max(1, done) - 1);
    $('shap-text').textContent = `${done} of ${total}, ${Math.ceil(left)} s left`;
  };
  try {
    const result = await levit().shap(of.file, { index, samples, progress, signal: running.signal });
    // The last few only: a map is 200 KB.
    of.maps = Object.fromEntries([...Object.entries(of.maps ?? {}).slice(-3), [`${index}/${samples}`, result]]);
    if (of === item && settings().method === 'shap') present(result);
  } catch (error) {
    if (of === item) empty(error.code === 'CANCELLED' ? 'Cancelled.' : error.message);
  } finally {
    running = undefined;
    $('shap-start').hidden = false;
    $('shap-run').hidden = true;
    if (!$('shap').hidden) $('shap-start').focus({ preventScroll: true });
  }
}

export function show(next) {
  const same = next === item && url !== undefined;
  if (next !== item) running?.abort();
  item = next;
  $('detail').hidden = item === undefined;
  if (!same) {
    if (url !== undefined) URL.revokeObjectURL(url);
    url = undefined;
    empty();
  }
  if (item === undefined) return;
  $('detail-name').textContent = item.name;
  const failed = item.error !== undefined;
  for (const part of ['.stage', '.controls']) document.querySelector(part).hidden = failed;
  $('verdict-text').textContent = failed ? item.error : 'Waiting for the network';
  $('verdict-word').textContent = failed ? 'No verdict' : '…';
  $('verdict-word').className = `verdict-word ${failed ? 'failed' : 'unsure'}`;
  for (const part of ['gauge', 'gauge-ends', 'shares', 'familiarity', 'shap']) $(part).hidden = true;
  if (failed) return;
  if (!same) {
    url = URL.createObjectURL(item.file);
    $('photo').src = url;
    $('photo').alt = item.name;
  }
  if (item.verdict) {
    verdictOf(item);
    $('target').value = String(item.verdict.index);
    refresh();
  }
}

// The labels of the model in use.
export function labels() {
  $('target').replaceChildren(...levit().info.labels.map((label, i) => element('option', { value: String(i), textContent: spoken(label) })));
}

export function start(current) {
  levit = current;
  for (const id of ['method', 'layer', 'target', 'samples']) $(id).addEventListener('change', refresh);
  $('strength').addEventListener('input', paint);
  // A small picture is shown as large as the network sees it, else no map could be read on it.
  $('photo').addEventListener('load', ({ target }) => {
    const scale = SIDE / Math.max(target.naturalWidth, target.naturalHeight);
    target.style.width = scale > 1 ? `${scale * target.naturalWidth}px` : '';
  });
  $('shap-start').addEventListener('click', runShap);
  $('shap-cancel').addEventListener('click', () => running?.abort());
}
