// The package in Node: what `npm pack` makes, installed as anyone would.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { native, packer, site, work } from './paths.mjs';
import { familiarModel, verdicts, writePpm } from './program.mjs';

let package_; // of levit.mjs
let installed;
before(async () => {
  const folder = path.join(work, 'npm');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [{ filename, files }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', folder, site], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  assert.ok(!files.some(({ path: name }) => name === 'index.html'), 'the page is not in the package');
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(folder, filename)], { cwd: folder, stdio: 'ignore' });
  installed = path.join(folder, 'node_modules/levit-web');
  package_ = await import(pathToFileURL(path.join(installed, 'levit.mjs')));
});

// A picture of 8 bits without a decoder: as PPM and as pixels.
function picture(seed) {
  const width = 320;
  const height = 200;
  const data = new Uint8Array(3 * width * height).map((_, i) => 128 + 100 * Math.sin(((i % 3) + seed) * 0.7 + i / (97 + 31 * seed)));
  return { file: writePpm(path.join(work, `waves-${seed}.ppm`), width, height, data), pixels: { data, width, height } };
}

// The pixels of a file that writePpm wrote.
function readPpm(file) {
  const bytes = readFileSync(file);
  const [header, width, height] = /^P6\n(\d+) (\d+)\n255\n/.exec(bytes.toString('latin1', 0, 40));
  return { data: new Uint8Array(bytes.subarray(header.length)), width: Number(width), height: Number(height) };
}

test('classifies as the program does, RGB and RGBA alike', async () => {
  const levit = await package_.load();
  const pictures = [1, 2, 3].map(picture);
  const theirs = verdicts(path.join(installed, 'ai_vs_real.levit'), pictures.map(({ file }) => file));
  for (const [i, { pixels }] of pictures.entries()) {
    const ours = await levit.classify(pixels);
    assert.ok(Math.abs(ours.probabilities[0] - theirs[i].probabilities.ai) < 1e-4);
    const data = new Uint8Array(4 * pixels.width * pixels.height).map((_, k) => (k % 4 === 3 ? 77 : pixels.data[3 * (k >> 2) + (k % 4)]));
    assert.deepEqual((await levit.classify({ ...pixels, data })).logits, ours.logits);
  }
});

test('calls that are made at once are answered each for its own picture', async () => {
  const levit = await package_.load();
  const pictures = [1, 2, 3].map((seed) => picture(seed).pixels);
  const alone = [];
  for (const pixels of pictures) alone.push((await levit.classify({ ...pixels })).logits);
  const together = await Promise.all(pictures.map((pixels) => levit.classify({ ...pixels })));
  assert.deepEqual(together.map(({ logits }) => logits), alone);
});

test('a model that knows its training pictures says how far a picture is from them, as the program does', async () => {
  const { model, known, strange } = familiarModel();
  const levit = await package_.load({ model: new Uint8Array(readFileSync(model)) });
  assert.equal(levit.info.familiarity, 2);
  const theirs = verdicts(model, [known, strange]).map(({ familiarity }) => familiarity);
  for (const [i, file] of [known, strange].entries()) {
    const { familiarity } = await levit.classify(readPpm(file));
    assert.ok(Math.abs(familiarity.distance / theirs[i].distance - 1) < 1e-3, `${familiarity.distance} ${theirs[i].distance}`);
    assert.ok(Math.abs(familiarity.percentile - theirs[i].percentile) < 0.5, `${familiarity.percentile} ${theirs[i].percentile}`);
    assert.equal(familiarity.unlike, i === 1);
  }
  const { familiarity, labels } = await levit.use(new Uint8Array(readFileSync(path.join(installed, 'ai_vs_real.levit'))));
  assert.deepEqual([familiarity, labels], [0, ['ai', 'real']]);
  assert.equal((await levit.classify(readPpm(known))).familiarity, undefined);
});

test('a module without SIMD gives the same verdict', async () => {
  const { pixels } = picture(1);
  const logits = [];
  for (const name of ['levit.wasm', 'levit-plain.wasm']) {
    const levit = await package_.load({ wasm: pathToFileURL(path.join(installed, name)) });
    assert.equal(levit.info.target, name === 'levit.wasm' ? 'WASM' : 'SCALAR');
    logits.push((await levit.classify(pixels)).logits[0]);
  }
  assert.ok(Math.abs(logits[0] - logits[1]) < 1e-4, `${logits}`);
});

test('runs on the weights in fp32 or as they come, and saves a head in the type of the model either way', async () => {
  const { pixels } = picture(1);
  const [wide, narrow] = await Promise.all([true, false].map((widen) => package_.load({ widen })));
  assert.deepEqual([wide.info.widened, narrow.info.widened], [true, false]);
  assert.equal(wide.info.checksum, narrow.info.checksum);
  const [a, b] = await Promise.all([wide, narrow].map(async (levit) => (await levit.classify(pixels)).logits[0]));
  assert.ok(Math.abs(a - b) < 1e-4, `${a} ${b}`);
  assert.ok((await wide.memory()) - (await narrow.memory()) > 27e6);
  const head = await wide.learn([await wide.features(pixels), await wide.features(picture(4).pixels)], [0, 1]);
  const [ours, theirs] = await Promise.all([wide, narrow].map((levit) => levit.export(head, ['a', 'b'])));
  assert.deepEqual(ours, theirs);
  assert.ok(ours.length < 7.3e6, `${ours.length}`);
  const full = path.join(work, 'full.levit');
  execFileSync(packer, [path.join(installed, 'ai_vs_real.levit'), '--dtype', 'f32', '-o', full], { stdio: 'ignore' });
  const { widened, bytes } = await wide.use(new Uint8Array(readFileSync(full)));
  assert.equal(widened, false, 'what is in fp32 is not copied');
  assert.ok(bytes > 27e6);
  assert.ok(Math.abs((await wide.classify({ ...pixels })).logits[0] - a) < 1e-4);
});

test('SHAP reports its progress, is cancelled by it and by a signal, and goes on afterwards', async () => {
  const levit = await package_.load();
  const { pixels } = picture(1);
  const seen = [];
  await assert.rejects(levit.shap(pixels, { samples: 500, progress: (done) => seen.push(done) < 3 }), { name: 'AbortError' });
  assert.equal(seen.length, 3);
  const controller = new AbortController();
  await assert.rejects(levit.shap(pixels, { samples: 500, signal: controller.signal, progress: () => controller.abort() }), { name: 'AbortError' });
  const result = await levit.shap(pixels, { samples: 3, values: true });
  assert.ok(Math.abs(result.baseValue + result.sum + result.gap - result.score) < 1e-6);
  assert.ok(Math.abs(result.values.reduce((sum, value) => sum + value) - result.sum) < 1e-3);
});

test('a head learned here is the one that levit finetune learns', async () => {
  const levit = await package_.load();
  const folder = path.join(work, 'kinds');
  rmSync(folder, { recursive: true, force: true });
  const features = [];
  const classes = [];
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { pixels, file } = picture(seed);
    const kind = seed <= 3 ? 'a' : 'b';
    mkdirSync(path.join(folder, kind), { recursive: true });
    writeFileSync(path.join(folder, kind, `${seed}.ppm`), readFileSync(file));
    features.push(await levit.features(pixels));
    classes.push(seed <= 3 ? 0 : 1);
  }
  const head = await levit.learn(features, classes);
  const ours = path.join(work, 'ours.levit');
  writeFileSync(ours, await levit.export(head, ['a', 'b'], { name: 'waves', note: 'Of a test.' }));
  const theirs = path.join(work, 'theirs.levit');
  execFileSync(native, ['finetune', folder, '--val', '0', '--model', path.join(installed, 'ai_vs_real.levit'), '--no-cache', '-o', theirs], { stdio: 'ignore' });
  const files = [1, 4].map((seed) => path.join(folder, seed === 1 ? 'a' : 'b', `${seed}.ppm`));
  const [mine, reference] = [ours, theirs].map((model) => verdicts(model, files));
  mine.forEach((line, i) => assert.ok(Math.abs(line.probabilities.a - reference[i].probabilities.a) < 1e-4, `${line.probabilities.a} ${reference[i].probabilities.a}`));
  await levit.use(new Uint8Array(readFileSync(ours)));
  assert.deepEqual(levit.info.labels, ['a', 'b']);
  assert.ok(Math.abs((await levit.classify(picture(1).pixels)).probabilities[0] - mine[0].probabilities.a) < 1e-4);
});

test('what is refused is named, and changes nothing', async () => {
  const levit = await package_.load();
  const { pixels } = picture(1);
  const before_ = await levit.classify(pixels);
  await assert.rejects(levit.use(new Uint8Array(1000)), { code: 'MAGIC', message: /not a \.levit weight file/ });
  const damaged = new Uint8Array(readFileSync(path.join(installed, 'ai_vs_real.levit')));
  damaged[damaged.length - 100] ^= 1;
  await assert.rejects(levit.use(damaged), { code: 'CHECKSUM' });
  await assert.rejects(levit.classify({ ...pixels, width: 999 }), { code: 'IMAGE' });
  await assert.rejects(levit.cam(pixels, { method: 'magic' }), { code: 'ARGUMENT' });
  await assert.rejects(levit.cam(pixels, { index: 2 }), { code: 'CLASS' });
  assert.deepEqual((await levit.classify({ ...pixels })).logits, before_.logits);
});

test('what a browser downloads, either module and JavaScript, is at most 250 000 bytes without the model', () => {
  const names = /FILES = \[(.*)\]/.exec(readFileSync(path.join(site, 'sw.js'), 'utf8'))[1].split(', ').map((name) => name.slice(1, -1));
  const script = [...names.filter((name) => name.endsWith('.mjs')), 'sw.js'];
  assert.ok(script.includes('app.mjs') && script.includes('engine.mjs'));
  for (const module of ['levit.wasm', 'levit-plain.wasm']) {
    const bytes = [...script, module].reduce((sum, name) => sum + readFileSync(path.join(site, name)).length, 0);
    console.log(`${module} and ${script.length} scripts: ${bytes} bytes`);
    assert.ok(bytes <= 250000, `${module}: ${bytes}`);
  }
});

test("the page's CSV has the columns of the program's: a model of one logit has one", async () => {
  const { csv } = await import(pathToFileURL(path.join(site, 'results.mjs')));
  const verdict = { label: 'real', probability: 0.75, probabilities: [0.25, 0.75], logits: [1.5], width: 3, height: 2, unsure: false };
  const [head, first, second] = csv([{ name: 'a', verdict }, { name: 'b', error: 'no picture' }], { labels: ['ai', 'real'], familiarity: 0 }).split('\r\n');
  assert.ok(head.endsWith(',says,probability ai,probability real,logit real'), head);
  assert.ok(first.endsWith(',0.25,0.75,1.5'), first);
  for (const line of [first, second]) assert.equal(line.split(',').length, head.split(',').length);
});
