// "Teach it": two boxes of pictures, a head learned from them, and the list of models.

import { $, announce, element, fail, isBuiltIn } from './dom.mjs';
import { save } from './results.mjs';
import * as store from './store.mjs';

const LEAST = 2; // pictures of a kind
const STEPS = 300; // of AdamW: fifty epochs of a handful of pictures leave everything unsure
const boxes = [[], []]; // { file, url }
let levit;
let builtIn; // bytes of the page's own model
let models = []; // the page's own first
let current = 0;
let busy = false;
let changed; // called when another model is in use

function updateBoxes() {
  boxes.forEach((box, b) => {
    $(`thumbs-${b}`).replaceChildren(...box.map((entry) => {
      const button = element('button', { title: `Take ${entry.file.name} out` }, element('img', { src: entry.url, alt: `Take ${entry.file.name} out` }));
      button.addEventListener('click', () => {
        URL.revokeObjectURL(entry.url);
        box.splice(box.indexOf(entry), 1);
        updateBoxes();
        $(`add-${b}`).focus();
      });
      return element('li', {}, button);
    }));
    $(`hint-${b}`).hidden = box.length > 0;
  });
  $('learn').disabled = busy || boxes.some((box) => box.length < LEAST);
  $('forget-boxes').disabled = busy || boxes.every((box) => box.length === 0);
}

// A small copy, so that a box of large photographs takes no memory.
async function add(b, files) {
  for (const file of files) {
    try {
      const bitmap = await createImageBitmap(file, { resizeHeight: 120, resizeQuality: 'medium' });
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext('2d').drawImage(bitmap, 0, 0);
      bitmap.close();
      boxes[b].push({ file, url: URL.createObjectURL(await canvas.convertToBlob()) });
    } catch {
      $('learn-text').textContent = `${file.name}: not a picture that this browser can read, or a damaged one; left out.`;
    }
  }
  updateBoxes();
}

function empty() {
  for (const box of boxes) for (const { url } of box.splice(0)) URL.revokeObjectURL(url);
  updateBoxes();
}

function names() {
  const labels = [0, 1].map((b) => $(`label-${b}`).value.trim());
  if (labels.some((label) => label === '')) throw new Error('Give both kinds a name.');
  if (labels[0] === labels[1]) throw new Error('Give the two kinds different names.');
  return labels;
}

async function learn() {
  const say = (text) => { $('learn-text').textContent = text; };
  busy = true;
  updateBoxes();
  try {
    const labels = names();
    const pictures = boxes.flatMap((box, b) => box.map(({ file }) => ({ file, b })));
    $('learn-bar').hidden = false;
    const stop = new AbortController();
    let seen = 0;
    const features = await Promise.all(pictures.map(async ({ file }) => {
      const row = await levit.features(file, { signal: stop.signal }).catch((error) => {
        stop.abort();
        throw new Error(`${file.name}: ${error.message}`);
      });
      $('learn-bar').value = ++seen / (pictures.length + 1);
      say(`${seen} of ${pictures.length} pictures seen`);
      return row;
    }));
    const classes = pictures.map(({ b }) => b);
    const options = { count: 2, epochs: Math.max(50, Math.ceil(STEPS / Math.ceil(pictures.length / 64))) };
    const { right, asked } = await levit.crossValidate(features, classes, options);
    const head = await levit.learn(features, classes, options);
    const worth = asked > 0 ? `right on ${right} of ${asked} pictures it had not learned from` : 'never tested on a picture it had not learned from';
    const counts = labels.map((label, b) => `${classes.filter((kind) => kind === b).length} ${label}`).join(', ');
    const detail = `${counts}; ${worth}`;
    const note = `Head trained in the browser by levit ${levit.info.version} on ${pictures.length} pictures (${counts}): ${worth} (cross-validation).\nBackbone: ${levit.info.name}`;
    const bytes = new Blob([await levit.export(head, labels, { name: labels.join(' or '), note })]);
    const model = { name: labels.join(' or '), labels, detail, created: Date.now(), bytes };
    let kept = '';
    try {
      model.id = await store.add(model);
    } catch {
      kept = ' This browser does not keep it: save the file.';
    }
    models.push(model);
    await use(models.length - 1);
    say(`Learned: ${detail}. It gives the verdicts now.${kept}`);
  } catch (error) {
    say(error.message);
  }
  $('learn-bar').hidden = true;
  busy = false;
  updateBoxes();
}

async function use(index) {
  const model = models[index];
  await levit.use(model.bytes);
  current = index;
  try {
    localStorage.setItem('model', String(model.id ?? ''));
  } catch { /* not kept */ }
  changed();
  list();
}

function fileName({ name }) {
  return `${name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'model'}.levit`;
}

function list() {
  $('models').replaceChildren(...models.map((model, i) => {
    const radio = element('input', { type: 'radio', name: 'model', checked: i === current });
    radio.addEventListener('change', () => use(i).then(() => $('models').querySelectorAll('input')[i].focus(), (error) => fail(error.message)));
    const entry = element('li', { className: i === current ? 'chosen' : '' },
      element('label', {}, radio, element('span', {}, model.name, element('small', { textContent: model.detail }))));
    if (i > 0) {
      const saving = element('button', { textContent: 'Save as .levit' });
      saving.setAttribute('aria-label', `Save ${model.name} as .levit`);
      saving.addEventListener('click', () => save(model.bytes, fileName(model)));
      const removing = element('button', { textContent: 'Delete' });
      removing.setAttribute('aria-label', `Delete ${model.name}`);
      removing.addEventListener('click', () => forget(i));
      entry.append(saving, removing);
    }
    return entry;
  }));
}

async function forget(index) {
  const [model] = models.splice(index, 1);
  if (model.id !== undefined) await store.remove(model.id);
  if (index === current) await use(0);
  else if (index < current) --current;
  list();
  announce(`${model.name} deleted`);
  $('models').querySelector('input').focus();
}

async function openFile(file) {
  const model = { name: file.name, detail: 'opened from a file, until the page closes', bytes: file };
  const before = current;
  models.push(model);
  try {
    await use(models.length - 1);
    model.detail = `${levit.info.labels.slice(0, 4).join(', ')}${levit.info.labels.length > 4 ? ', …' : ''}; opened from a file, until the page closes`;
    list();
    $('model-text').textContent = `${file.name} gives the verdicts now.`;
  } catch (error) {
    models.pop();
    current = before;
    list();
    $('model-text').textContent = `${file.name}: ${error.message}`;
  }
}

function startBoxes() {
  const input = $('teach-files');
  let wanted = 0;
  boxes.forEach((_, b) => {
    const box = $(`box-${b}`);
    $(`add-${b}`).addEventListener('click', () => {
      wanted = b;
      input.click();
    });
    box.addEventListener('dragover', () => box.classList.add('over'));
    box.addEventListener('dragleave', () => box.classList.remove('over'));
    box.addEventListener('drop', (event) => {
      box.classList.remove('over');
      add(b, [...event.dataTransfer.files]);
    });
  });
  input.addEventListener('change', () => {
    add(wanted, [...input.files]);
    input.value = '';
  });
  $('learn').addEventListener('click', learn);
  $('forget-boxes').addEventListener('click', empty);
  $('open-model').addEventListener('click', () => $('model-file').click());
  $('model-file').addEventListener('change', ({ target }) => {
    if (target.files.length > 0) openFile(target.files[0]);
    target.value = '';
  });
}

export async function startTeaching(loaded, bytes, onChange) {
  levit = loaded;
  changed = onChange;
  builtIn = new Blob([bytes]);
  const name = isBuiltIn(levit.info.labels) ? 'AI-generated or real' : levit.info.name;
  models = [{ name, detail: 'the built-in model', bytes: builtIn }];
  startBoxes();
  try {
    models.push(...await store.all());
  } catch { /* private windows have no store */ }
  let last = '';
  try {
    last = localStorage.getItem('model') ?? '';
  } catch { /* not kept */ }
  const at = models.findIndex(({ id }) => id !== undefined && String(id) === last);
  if (at > 0) await use(at).catch((error) => fail(`${models[at].name}: ${error.message}`));
  else list();
}
