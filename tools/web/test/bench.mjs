// tools/web/bench: both in the page's own thread, so that nothing but the pass itself is timed.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { launch, serve } from './browser.mjs';
import { modules, pictures } from './paths.mjs';

const [onnx, rounds] = process.argv.slice(2);
const dist = path.join(modules, 'node_modules/onnxruntime-web/dist');

// In the page. Each round times a few passes of each, so that what else the machine does meets all of them.
async function measure(count) {
  const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { Engine } = await import('/engine.mjs');
  const [wasm, model, theirs] = await Promise.all(['/levit.wasm', '/ai_vs_real.levit', '/bench/model.onnx'].map(bytes));
  const started = {};
  const passes = {};
  const start = async (name, begin) => {
    const from = performance.now();
    passes[name] = await begin();
    await passes[name]();
    started[name] = performance.now() - from;
  };
  const { ort } = globalThis;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = '/bench/';
  const x = new Float32Array(3 * 224 * 224).map((_, i) => Math.sin(i));
  await start('onnxruntime-web', async () => {
    const session = await ort.InferenceSession.create(theirs, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
    const feeds = { input: new ort.Tensor('float32', x, [1, 3, 224, 224]) };
    return () => session.run(feeds);
  });
  const pixels = new Uint8Array(3 * 224 * 224).map((_, i) => 128 + 100 * Math.sin(i));
  const ours = (widen) => async () => {
    const engine = new Engine(await WebAssembly.compile(wasm), model, widen);
    await engine.show(224, 224, 3, (y, rows) => pixels.subarray(3 * 224 * y, 3 * 224 * (y + rows)));
    return () => engine.classify();
  };
  await start('levit', ours(true));
  await start('levit, weights as they come', ours(false));
  const times = Object.fromEntries(Object.keys(passes).map((name) => [name, []]));
  for (let round = -3; round < count; ++round) { // three to warm up
    for (const [name, pass] of Object.entries(passes)) {
      for (let i = 0; i < 5; ++i) {
        const from = performance.now();
        await pass();
        if (round >= 0) times[name].push(performance.now() - from);
      }
    }
  }
  return Object.entries(times).map(([name, all]) => {
    all.sort((a, b) => a - b);
    return { name, median: all[all.length >> 1], least: all[0], start: started[name] };
  });
}

// In the page: milliseconds for many pictures, with one worker and with as many as the machine offers, by turns.
async function share(contents) {
  const { load } = await import('/levit.mjs');
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const files = () => Array.from({ length: 48 }, (_, i) => new File([bytes(contents[i % contents.length])], 'x.jpg')); // new ones: none is remembered
  const ways = [await load({ workers: 1 }), await load()].map((levit) => ({ levit, times: [] }));
  for (let round = -1; round < 5; ++round) { // one to warm up
    for (const { levit, times } of ways) {
      const given = files();
      const from = performance.now();
      await Promise.all(given.map((file) => levit.classify(file)));
      if (round >= 0) times.push(performance.now() - from);
    }
  }
  return Promise.all(ways.map(async ({ levit, times }) => ({ median: times.sort((a, b) => a - b)[times.length >> 1], memory: await levit.memory() })));
}

const server = await serve();
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.route('**/bench/**', async (route) => {
    const name = path.basename(new URL(route.request().url()).pathname);
    if (name === 'index.html') return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>bench</title>' });
    return route.fulfill({ path: name === 'model.onnx' ? onnx : path.join(dist, name) });
  });
  await page.goto(`${server.address}bench/index.html`);
  await page.addScriptTag({ content: await readFile(path.join(dist, 'ort.wasm.min.js'), 'utf8') });
  const results = await page.evaluate(measure, Number(rounds));
  console.log(`Chromium ${browser.version()}, ${5 * rounds} passes each`);
  for (const { name, median, least, start } of results) {
    console.log(`${name.padEnd(28)} ${median.toFixed(2)} ms a pass (least ${least.toFixed(2)}), ${start.toFixed(0)} ms from bytes to the first`
      + `, ${(results[0].median / median).toFixed(2)} x`);
  }
  const photographs = await Promise.all(['ai/fox.jpg', 'real/bear.jpg', 'real/flowers.jpg', 'real/snow.jpg']
    .map((name) => readFile(path.join(pictures, name), 'base64')));
  const [one, many] = await page.evaluate(share, photographs);
  for (const [name, { median, memory }] of [['one worker', one], ['default workers', many]]) {
    console.log(`48 photographs, ${name}: ${median.toFixed(0)} ms, ${(memory / 1e6).toFixed(0)} MB, ${(one.median / median).toFixed(2)} x`);
  }
} finally {
  await browser.close();
  server.close();
}
