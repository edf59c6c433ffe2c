// The page: loads the model, takes pictures in, keeps the table, and hands the chosen picture to detail.mjs.

import { keepsColours } from './decode.mjs';
import * as detail from './detail.mjs';
import { $, announce, element, fail, farther, isBuiltIn, percent, spoken } from './dom.mjs';
import { download, load, moduleName } from './levit.mjs';
import { csv, json, save } from './results.mjs';
import { startTeaching } from './teach.mjs';

const version = document.querySelector('meta[name="levit-version"]').content;
const MODEL = 'ai_vs_real.levit';

const items = []; // { name, file, row, verdict | error }
let levit;
let chosen;
let wanted = new AbortController(); // of the verdicts on them

// Tabs.

const tabs = ['check', 'teach', 'about'];

function show(name, focus = false) {
  for (const tab of tabs) {
    const selected = tab === name;
    $(tab).hidden = !selected;
    $(`tab-${tab}`).setAttribute('aria-selected', selected);
    $(`tab-${tab}`).tabIndex = selected ? 0 : -1;
  }
  if (focus) $(`tab-${name}`).focus();
}

function startTabs() {
  for (const tab of tabs) {
    $(`tab-${tab}`).addEventListener('click', () => {
      history.replaceState(null, '', `#${tab}`);
      show(tab);
      scrollTo(0, 0);
    });
  }
  document.querySelector('.tabs').addEventListener('keydown', ({ key }) => {
    const at = tabs.findIndex((tab) => !$(tab).hidden);
    const to = { ArrowRight: (at + 1) % 3, ArrowLeft: (at + 2) % 3, Home: 0, End: 2 }[key];
    if (to !== undefined) show(tabs[to], true);
  });
  const fromAddress = () => {
    const name = location.hash.slice(1);
    if (tabs.includes(name)) {
      show(name);
      scrollTo(0, 0);
    }
  };
  addEventListener('hashchange', fromAddress);
  fromAddress();
}

// The table.

function tag(verdict) {
  const kind = verdict.unsure ? 'unsure' : verdict.index === 0 ? 'first' : 'second';
  return element('span', { className: `tag ${kind}`, textContent: verdict.unsure ? 'unsure' : spoken(verdict.label, levit.info.labels) });
}

// The picture as the network saw it, in its own shape again.
function thumbnail({ preview, window: seen }) {
  const side = 224;
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; ++i) image.data.set([preview[3 * i], preview[3 * i + 1], preview[3 * i + 2], 255], 4 * i);
  const whole = new OffscreenCanvas(side, side);
  whole.getContext('2d').putImageData(image, 0, 0);
  const canvas = element('canvas', { width: 88, height: 88, className: 'blank' });
  canvas.setAttribute('aria-hidden', 'true');
  const wide = seen.width / seen.height;
  const [width, height] = wide > 1 ? [side / wide, side] : [side, side * wide];
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(whole, (side - width) / 2, (side - height) / 2, width, height, 0, 0, 88, 88);
  return canvas;
}

function fillRow(item) {
  const { row, name, verdict, error } = item;
  const button = element('button', { className: 'pick' }, item.thumbnail ?? element('span', { className: 'blank' }), element('span', { textContent: name, title: name }));
  const focused = row.contains(document.activeElement);
  button.setAttribute('aria-pressed', item === chosen);
  if (error !== undefined) {
    row.replaceChildren(element('td', {}, button), element('td', { colSpan: 4, className: 'cause', textContent: error }));
  } else {
    row.replaceChildren(
      element('td', {}, button),
      element('td', {}, verdict ? tag(verdict) : 'waiting', element('span', { className: 'narrow', textContent: verdict ? percent(verdict.probability) : '' }),
        verdict?.familiarity?.unlike ? element('span', { className: 'unlike', textContent: 'unlike its training' }) : ''),
      element('td', { className: 'number middle', textContent: verdict ? percent(verdict.probability) : '' }),
      element('td', { className: 'number familiar', textContent: verdict?.familiarity ? farther(verdict.familiarity) : '' }),
      element('td', { className: 'number wide', textContent: verdict ? `${verdict.width} x ${verdict.height}` : '' }),
    );
  }
  row.classList.toggle('chosen', item === chosen);
  if (focused) button.focus();
}

function choose(item) {
  const previous = chosen;
  chosen = item;
  if (previous && items.includes(previous)) fillRow(previous);
  if (item) fillRow(item);
  detail.show(item);
}

function counted() {
  const waiting = items.filter(({ verdict, error }) => !verdict && error === undefined).length;
  $('count').textContent = waiting > 0 ? `${items.length - waiting} of ${items.length}` : String(items.length);
  for (const id of ['csv', 'json']) $(id).disabled = waiting === items.length;
}

async function judge(item) {
  const asked = levit.info.checksum;
  try {
    const { preview, ...verdict } = await levit.classify(item.file, { preview: true, signal: wanted.signal });
    item.verdict = verdict;
    item.thumbnail ??= thumbnail({ preview, window: verdict.window });
  } catch (error) {
    item.error = error.message;
  }
  if (!items.includes(item) || asked !== levit.info.checksum) return;
  fillRow(item);
  counted();
  if (item === chosen) detail.show(item);
  announce(item.error === undefined
    ? `${item.name}: ${item.verdict.unsure ? 'unsure, ' : ''}${spoken(item.verdict.label, levit.info.labels)} ${percent(item.verdict.probability)}${item.verdict.familiarity?.unlike ? ', unlike anything it was trained on' : ''}`
    : `${item.name}: ${item.error}`);
}

function take(files) {
  if (files.length === 0) return;
  $('work').hidden = false;
  $('intro').classList.add('hide'); // its heading stays for those who hear the page
  $('drop').classList.add('small');
  show('check');
  const added = [...files].map((file) => ({ name: file.name || 'pasted picture', file, row: element('tr') }));
  for (const item of added) {
    items.push(item);
    item.row.addEventListener('click', () => {
      choose(item);
      // On a narrow screen it lies above the table.
      if ($('detail').getBoundingClientRect().top < 0) $('detail').scrollIntoView();
    });
    $('table').append(item.row);
    fillRow(item);
  }
  choose(added[0]);
  counted();
  if (levit) added.forEach(judge);
}

// Every verdict anew, by another model.
function judgeAgain() {
  describeEngine();
  for (const item of items) {
    delete item.verdict;
    delete item.error;
    delete item.maps;
    fillRow(item);
  }
  detail.labels();
  detail.show(chosen);
  items.forEach(judge);
}

function clear() {
  items.length = 0;
  wanted.abort();
  wanted = new AbortController();
  $('table').replaceChildren();
  choose(undefined);
  $('work').hidden = true;
  $('intro').classList.remove('hide');
  $('drop').classList.remove('small');
  $('pick').focus();
}

// Pictures in.

const teaching = () => !$('teach').hidden;

async function examples() {
  try {
    take(await Promise.all(['example-1.jpg', 'example-2.jpg'].map(async (name) => {
      const response = await fetch(name);
      if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`);
      return new File([await response.blob()], name, { type: 'image/jpeg' });
    })));
  } catch (error) {
    fail(`The examples cannot be loaded: ${error.message}`);
  }
}

function startIntake() {
  $('pick').addEventListener('click', () => $('files').click());
  $('examples').addEventListener('click', examples);
  $('files').addEventListener('change', ({ target }) => {
    take([...target.files]);
    target.value = '';
  });
  const files = (event) => event.dataTransfer?.types.includes('Files');
  let inside = 0;
  addEventListener('dragenter', (event) => {
    if (!files(event)) return;
    ++inside;
    $('cover').hidden = teaching();
  });
  addEventListener('dragleave', () => { if (--inside <= 0) { inside = 0; $('cover').hidden = true; } });
  addEventListener('dragover', (event) => { if (files(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    inside = 0;
    $('cover').hidden = true;
    if (!files(event)) return;
    event.preventDefault();
    if (!teaching()) take([...event.dataTransfer.files]);
  });
  addEventListener('paste', (event) => {
    const pasted = [...event.clipboardData.files];
    if (pasted.length > 0 && !teaching()) take(pasted);
  });
  $('clear').addEventListener('click', clear);
  $('csv').addEventListener('click', () => save(csv(items, levit.info), 'verdicts.csv', 'text/csv'));
  $('json').addEventListener('click', () => save(json(items, levit.info), 'verdicts.ndjson', 'application/x-ndjson'));
}

// The model.

function progressed(loaded, total) {
  $('loading-bar').value = loaded / total;
  $('engine-text').textContent = `Loading the model, ${Math.round(loaded / 1e5) / 10} of ${Math.round(total / 1e5) / 10} MB`;
}

// A large file: from what an earlier visit kept, else from the server, and kept for later.
async function kept(name, progress) {
  const url = new URL(name, document.baseURI);
  const cache = 'caches' in window ? await caches.open(`levit-${version}`).catch(() => undefined) : undefined;
  const found = await cache?.match(url);
  if (found) return new Uint8Array(await found.arrayBuffer());
  const bytes = await download(url, progress);
  await cache?.put(url, new Response(bytes)).catch(() => {}); // no room: fetched again next time
  return bytes;
}

function describeEngine() {
  const { target, parameters, bytes, familiarity, version: library } = levit.info;
  $('rows').classList.toggle('measured', familiarity > 0);
  $('engine-text').textContent = 'Ready, on this machine';
  $('about-engine').textContent = `levit ${library}, ${(parameters / 1e6).toFixed(1)} million parameters in ${(bytes / 1e6).toFixed(1)} MB, `
    + `kernels ${target}, page ${version}.`;
  $('caution-text').textContent = isBuiltIn(levit.info.labels) ? 'On pictures of generators it has not seen, the built-in model is no better than a coin.'
    : 'A model is worth what it was shown: one that learned from a few pictures knows only those.';
}

async function start() {
  startTabs();
  startIntake();
  detail.start(() => levit);
  if (typeof WebAssembly !== 'object' || typeof OffscreenCanvas !== 'function') {
    throw new Error('This browser is too old: it lacks WebAssembly or OffscreenCanvas.');
  }
  if (!(await keepsColours())) $('transparent').textContent = 'Transparent parts count as black in this browser';
  const compiled = kept(moduleName()).then((code) => WebAssembly.compile(code));
  const [wasm, bytes] = await Promise.all([compiled, kept(MODEL, progressed)]);
  levit = await load({ model: bytes, wasm });
  globalThis.levit = levit; // for whoever opens the console, and the tests
  $('loading').remove();
  $('engine').classList.add('ready');
  describeEngine();
  detail.labels();
  items.forEach(judge);
  await startTeaching(levit, bytes, judgeAgain);
  if ('serviceWorker' in navigator) await navigator.serviceWorker.register('sw.js').catch(() => {}); // private windows refuse
}

start().catch((error) => {
  $('loading').remove();
  $('engine-text').textContent = 'Not loaded';
  fail(`The model cannot be loaded: ${error.message}`);
});
