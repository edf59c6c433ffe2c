// The page in Chromium, as a user meets it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { axeFile, check, decided, launch, open, PATIENCE, serve } from './browser.mjs';
import { native, pictures, root, work } from './paths.mjs';
import { builtIn as model, familiarModel, verdicts, writePpm } from './program.mjs';

const fox = path.join(pictures, 'ai/fox.jpg');
const bear = path.join(pictures, 'real/bear.jpg');
const twelve = [
  ...['box.png', 'city.jpg', 'fish.jpg', 'fox.jpg', 'pagoda.jpg', 'room.jpg'].map((name) => path.join(pictures, 'ai', name)),
  ...['bear.jpg', 'flowers.jpg', 'snow.jpg'].map((name) => path.join(pictures, 'real', name)),
  ...['church', 'daisy', 'stonehenge'].map((name) => path.join(root, `tests/data/ai_vs_real/real_${name}.png`)),
];

let server;
before(async () => { server = await serve(); });
after(() => server?.close());

async function downloaded(page, button) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
  const file = path.join(work, download.suggestedFilename());
  await download.saveAs(file);
  return file;
}

// A test of one page in a browser of its own, which must end without a complaint.
function pageTest(name, run, options) {
  test(name, { timeout: 3 * PATIENCE }, async () => {
    const browser = await launch();
    try {
      const { page, context, complaints } = await open(browser, server.address, options);
      await run(page, context);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

// The canvas over the picture: how many of its pixels are covered, and by how many colours.
const heat = (page) => page.evaluate(() => {
  const canvas = document.getElementById('heat');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let covered = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 0) ++covered;
    colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  }
  return { covered, colours: colours.size };
});

pageTest('a photograph that is dropped gets a verdict, and the map lies over it', async (page) => {
  const bytes = [...readFileSync(fox)];
  await page.evaluate((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(content)], 'fox.jpg', { type: 'image/jpeg' }));
    for (const name of ['dragenter', 'dragover', 'drop']) {
      document.getElementById('drop').dispatchEvent(new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  }, bytes);
  await decided(page, 1);
  assert.match(await page.textContent('#verdict-word'), /Looks AI-generated/);
  await page.waitForFunction(() => document.getElementById('legend').textContent.includes('AI-generated'));
  const seen = await heat(page);
  assert.equal(seen.covered, 224 * 224);
  assert.ok(seen.colours > 50, `${seen.colours} colours`);
  const [photo, canvas] = await Promise.all(['#photo', '#heat'].map((id) => page.locator(id).boundingBox()));
  for (const side of ['x', 'y', 'width', 'height']) assert.ok(Math.abs(photo[side] - canvas[side]) < 1, side);
  await page.screenshot({ path: path.join(work, 'heat.png') });
});

// A browser that has seen nothing; the picture is given before the model is there.
test('a picture that is given while the model loads gets a verdict', { timeout: 3 * PATIENCE }, async () => {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (document.querySelector('#table .tag') === null) return;
        globalThis.decidedAt = performance.now(); // from the navigation on
        observer.disconnect();
      }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(server.address, { waitUntil: 'domcontentloaded' });
    await page.setInputFiles('#files', fox);
    await page.waitForFunction(() => globalThis.decidedAt !== undefined);
    console.log(`first verdict from a cold start: ${Math.round(await page.evaluate(() => globalThis.decidedAt))} ms`);
    assert.match(await page.textContent('#verdict-word'), /Looks AI-generated/);
  } finally {
    await browser.close();
  }
});

pageTest('a picture that is pasted gets a verdict', async (page) => {
  await page.evaluate((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(content)], 'image.png', { type: 'image/jpeg' }));
    dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }));
  }, [...readFileSync(bear)]);
  await decided(page, 1);
  assert.equal(await page.textContent('#table .tag'), 'real');
});

pageTest('probabilities of twelve pictures are those of the program within 1e-4', async (page) => {
  await check(page, twelve);
  const file = await downloaded(page, '#json');
  const ours = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
  assert.equal(ours.length, 12);
  // The same pixels: what this browser's decoder gives goes to the program as PPM.
  const ppm = [];
  for (const picture of twelve) {
    const { width, height, rgb } = await page.evaluate(async (content) => {
      const { decode } = await import('./decode.mjs');
      const decoded = await decode(new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))]));
      const all = [];
      for (let y = 0; y < decoded.height; ++y) {
        const row = await decoded.rows(y, 1);
        for (let x = 0; x < decoded.width; ++x) all.push(row[4 * x], row[4 * x + 1], row[4 * x + 2]);
      }
      let text = '';
      for (let i = 0; i < all.length; i += 8192) text += String.fromCharCode(...all.slice(i, i + 8192));
      return { width: decoded.width, height: decoded.height, rgb: btoa(text) };
    }, readFileSync(picture).toString('base64'));
    ppm.push(writePpm(path.join(work, `${path.basename(picture)}.ppm`), width, height, Buffer.from(rgb, 'base64')));
  }
  const theirs = verdicts(model, ppm);
  let worst = 0;
  ours.forEach((line, i) => {
    assert.equal(line.path, path.basename(twelve[i]));
    worst = Math.max(worst, Math.abs(line.probabilities.ai - theirs[i].probabilities.ai));
  });
  console.log(`largest difference of a probability: ${worst.toExponential(1)}`);
  assert.ok(worst < 1e-4, `${worst}`);
  // And of the files as the program decodes them: decoders differ by a level or two.
  const files = verdicts(model, twelve);
  ours.forEach((line, i) => assert.ok(Math.abs(line.probabilities.ai - files[i].probabilities.ai) < 0.02, line.path));
});

pageTest('what is transparent is seen in the colours below it, as by the program', async (page) => {
  const files = ['lossless_alpha.webp', 'lossy_alpha.webp', 'lossless_alpha_webp.decoded.png'].map((name) => path.join(pictures, 'kinds', name));
  await check(page, files);
  const ours = readFileSync(await downloaded(page, '#json'), 'utf8').trim().split('\n').map(JSON.parse);
  const theirs = verdicts(model, files);
  ours.forEach((line, i) => assert.ok(Math.abs(line.probabilities.ai - theirs[i].probabilities.ai) < 1e-4, `${line.path}: ${line.probabilities.ai} ${theirs[i].probabilities.ai}`));
  assert.match(await page.textContent('#transparent'), /colours that lie below/);
});

pageTest('the CSV has the columns of the program', async (page) => {
  await check(page, [fox, path.join(pictures, 'cases/no-scan.jpg')]);
  const lines = readFileSync(await downloaded(page, '#csv'), 'utf8').split('\r\n');
  const [header] = execFileSync(native, ['classify', '--quiet', '--csv', '--model', model, fox], { encoding: 'utf8' }).split('\r\n');
  assert.equal(lines[0], header);
  assert.match(lines[1], /^fox\.jpg,,ai,0\.9\d+,false,512,512,/);
  assert.match(lines[2], /^no-scan\.jpg,.*not a picture/);
  const fields = (line) => line.replace(/"[^"]*"/g, '').split(',').length;
  for (const line of lines.slice(1, 3)) assert.equal(fields(line), fields(header), line);
});

// A BMP of 24 bits, which browsers read.
function writeBmp(file, width, height, rgb) {
  const stride = (3 * width + 3) & ~3;
  const bytes = Buffer.alloc(54 + stride * height); // BITMAPFILEHEADER, BITMAPINFOHEADER, rows from below
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const to = 54 + y * stride + 3 * x;
      const from = 3 * ((height - 1 - y) * width + x);
      for (let c = 0; c < 3; ++c) bytes[to + c] = rgb[from + 2 - c];
    }
  }
  writeFileSync(file, bytes);
  return file;
}

pageTest('a model that knows its training pictures marks what is unlike them, in the table and in both files', async (page) => {
  const { model: familiar, known, strange } = familiarModel();
  const bmp = [known, strange].map((file) => writeBmp(path.join(work, `${path.basename(file, '.ppm')}.bmp`), 24, 24,
    readFileSync(file).subarray('P6\n24 24\n255\n'.length)));
  await check(page, bmp);
  assert.equal(await page.locator('#familiarity').isVisible(), false, 'the built-in model does not know');
  assert.equal(await page.locator('.familiar').first().isVisible(), false);
  await page.setInputFiles('#model-file', familiar);
  await page.waitForFunction(() => document.getElementById('model-text').textContent.includes('gives the verdicts now'));
  await decided(page, 2);
  const rows = await page.locator('#table tr').allTextContents();
  assert.doesNotMatch(rows[0], /unlike/);
  assert.match(rows[1], /unlike its training.*100\.0 %/);
  assert.match(await page.textContent('#familiarity'), /^Farther away than \d+\.\d % of the pictures it was trained on$/);
  assert.ok((await page.locator('#table .pick span').last().boundingBox()).width > 60, 'the name is still there');
  await page.click('#table tr:nth-child(2) button');
  assert.match(await page.textContent('#familiarity'), /^Unlike anything it was trained on: farther away than 100\.0 % of its training pictures$/);
  await page.waitForFunction(() => document.getElementById('legend').textContent !== '');
  for (const id of ['#photo', '#heat']) assert.equal(Math.round((await page.locator(id).boundingBox()).width), 224, `24 pixels are shown large: ${id}`);
  await page.screenshot({ path: path.join(work, 'unlike.png') });
  const theirs = verdicts(familiar, [known, strange]);
  const ours = readFileSync(await downloaded(page, '#json'), 'utf8').trim().split('\n').map(JSON.parse);
  ours.forEach(({ familiarity }, i) => {
    assert.ok(Math.abs(familiarity.distance / theirs[i].familiarity.distance - 1) < 1e-3);
    assert.equal(familiarity.unlike, theirs[i].familiarity.unlike);
  });
  const lines = readFileSync(await downloaded(page, '#csv'), 'utf8').split('\r\n');
  const [header] = execFileSync(native, ['classify', '--quiet', '--csv', '--model', familiar, strange], { encoding: 'utf8' }).split('\r\n');
  assert.equal(lines[0], header);
  assert.match(lines[2], /,100,true$/);
});

pageTest('a broken file is named with its cause, and the others go on', async (page) => {
  const empty = path.join(work, 'empty.jpg');
  const text = path.join(work, 'letter.png');
  writeFileSync(empty, '');
  writeFileSync(text, 'Dear reader');
  await check(page, [empty, text, fox]);
  const rows = await page.locator('#table tr').allTextContents();
  assert.match(rows[0], /empty\.jpg.*the file is empty/);
  assert.match(rows[1], /letter\.png.*not a picture/);
  assert.match(rows[2], /fox\.jpg.*AI-generated/);
  assert.equal(await page.textContent('#verdict-word'), 'No verdict');
});

pageTest('a picture of forty megapixels gets a verdict, and memory does not hold it', async (page) => {
  const width = 8000;
  const height = 5000;
  const large = writeBmp(path.join(work, 'large.bmp'), width, height, new Uint8Array(3 * width * height).map((_, i) => i >> 9));
  await check(page, fox);
  const memory = await page.evaluate(() => globalThis.levit.memory());
  await check(page, large);
  assert.match(await page.locator('#table tr').nth(1).textContent(), /8000 x 5000/);
  const grown = await page.evaluate(() => globalThis.levit.memory());
  assert.ok(grown - memory < 8 << 20, `${grown - memory} bytes`);
});

pageTest('several threads look at many pictures, each answer is of its own picture, and all take another model', async (page) => {
  const { model: familiar } = familiarModel();
  const contents = [fox, bear, path.join(pictures, 'ai/city.jpg'), path.join(pictures, 'real/snow.jpg')].map((file) => readFileSync(file, 'base64'));
  const seen = await page.evaluate(async ([all, other]) => {
    const { load } = await import('./levit.mjs');
    const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const pictures_ = () => Array.from({ length: 16 }, (_, i) => new File([bytes(all[i % 4])], 'x.jpg'));
    const levit = await load({ workers: 3 });
    const alone = [];
    for (const file of pictures_()) alone.push((await levit.classify(file)).logits[0]);
    const memory = await levit.memory();
    const together = await Promise.all(pictures_().map((file) => levit.classify(file)));
    const threads = (await levit.memory()) / memory;
    const refused = await levit.use(new Uint8Array(99)).then(() => 'taken', ({ code }) => code);
    // Asked for before the change, after it, and one that is no longer wanted.
    const before_ = Promise.all(pictures_().map((file) => levit.classify(file)));
    const changed = levit.use(bytes(other));
    const after_ = Promise.all(pictures_().map((file) => levit.classify(file)));
    const controller = new AbortController();
    const unwanted = levit.classify(pictures_()[0], { signal: controller.signal }).then(() => 'done', ({ name }) => name);
    controller.abort();
    const known = (verdicts_) => verdicts_.filter(({ familiarity }) => familiarity).length;
    const result = {
      alone, together: together.map(({ logits }) => logits[0]), threads, refused, known: [known(await before_), (await changed).familiarity, known(await after_)],
      unwanted: await unwanted,
    };
    const last = Promise.all(pictures_().map((file) => levit.classify(file))).then(() => 'done', ({ name }) => name);
    levit.close();
    return { ...result, last: await last, late: await levit.classify(pictures_()[0]).then(() => 'done', ({ name }) => name) };
  }, [contents, readFileSync(familiar, 'base64')]);
  assert.equal(new Set(seen.alone).size, 4);
  assert.deepEqual(seen.together, seen.alone);
  assert.ok(seen.threads > 1.9 && seen.threads < 3.1, `${seen.threads} threads`);
  assert.equal(seen.refused, 'MAGIC');
  assert.deepEqual(seen.known, [0, 2, 16]);
  assert.deepEqual([seen.unwanted, seen.last, seen.late], ['AbortError', 'AbortError', 'AbortError']);
});

pageTest('SHAP can be cancelled, and the page goes on', async (page) => {
  await check(page, [fox, bear]);
  await page.selectOption('#method', 'shap');
  await page.selectOption('#samples', '1000');
  await page.click('#shap-start');
  await page.waitForFunction(() => document.getElementById('shap-bar').value > 0);
  await page.click('#shap-cancel');
  await page.waitForFunction(() => document.getElementById('map-note').textContent === 'Cancelled.');
  assert.ok(await page.evaluate(() => document.getElementById('shap-bar').value < 1), 'it did not wait for the end');
  await page.selectOption('#samples', '25');
  await page.click('#shap-start');
  await page.waitForFunction(() => document.getElementById('map-note').textContent.startsWith('Score'));
  const seen = await heat(page);
  assert.ok(seen.covered > 10000 && seen.colours > 50, JSON.stringify(seen));
  await page.screenshot({ path: path.join(work, 'shap.png') });
});

pageTest('SHAP has the numbers of the program', async (page) => {
  const ppm = path.join(work, 'fox.jpg.ppm');
  const line = JSON.parse(execFileSync(native, ['explain', '--quiet', '--json', '--model', model, '--method', 'shap', '--samples', '25',
    '--class', 'ai', '-o', path.join(work, 'explained'), ppm], { encoding: 'utf8' }));
  const theirs = line.explanations.find(({ method }) => method === 'shap');
  const ours = await page.evaluate(async (content) => {
    const file = new File([new Uint8Array(content)], 'fox.jpg');
    return globalThis.levit.shap(file, { samples: 25, index: 0 });
  }, [...readFileSync(fox)]);
  for (const [name, value] of [['score', ours.score], ['base_value', ours.baseValue], ['sum', ours.sum]]) {
    assert.ok(Math.abs(theirs[name] - value) < 2e-3, `${name}: ${theirs[name]} and ${value}`);
  }
});

pageTest('a head that is taught gives the verdicts, outlives a reload, and is a file for the program', async (page) => {
  await page.click('#tab-teach');
  const kinds = [['box.png', 'city.jpg', 'fish.jpg'].map((name) => path.join(pictures, 'ai', name)),
    ['bear.jpg', 'flowers.jpg', 'snow.jpg'].map((name) => path.join(pictures, 'real', name))];
  for (const b of [0, 1]) {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click(`#add-${b}`)]);
    await chooser.setFiles(kinds[b]);
    await page.waitForFunction((id) => document.querySelectorAll(`#${id} li`).length === 3, `thumbs-${b}`);
  }
  await page.fill('#label-0', 'painted');
  await page.fill('#label-1', 'taken');
  await page.click('#learn');
  await page.waitForFunction(() => document.getElementById('learn-text').textContent.startsWith('Learned'));
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('#models li').length === 2 && document.querySelector('#models li:nth-child(2)').className === 'chosen');
  await page.click('#tab-check');
  await check(page, kinds.flat());
  assert.deepEqual(await page.locator('#table .tag').allTextContents(), ['painted', 'painted', 'painted', 'taken', 'taken', 'taken']);
  const ours = readFileSync(await downloaded(page, '#json'), 'utf8').trim().split('\n').map(JSON.parse);
  await page.click('#tab-teach');
  const file = await downloaded(page, '#models li:nth-child(2) button:has-text("Save")');
  const theirs = verdicts(file, kinds.flat());
  ours.forEach((line, i) => {
    assert.equal(line.label, theirs[i].label);
    assert.ok(Math.abs(line.probabilities.painted - theirs[i].probabilities.painted) < 0.02, line.path);
  });
  await page.click('#models li:nth-child(2) button:has-text("Delete")');
  await page.waitForFunction(() => document.querySelectorAll('#models li').length === 1);
});

pageTest('after one visit the page works without a network, the model included', async (page, context) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.reload();
  await page.waitForSelector('.engine.ready');
  await check(page, fox);
  assert.match(await page.textContent('#verdict-word'), /AI-generated/);
  await page.click('text=Try two examples');
  await decided(page, 3);
});

pageTest('everything can be done by keyboard', async (page) => {
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName);
  const tabTo = async (id) => {
    for (let i = 0; i < 60 && (await focused()) !== id; ++i) await press('Tab');
    assert.equal(await focused(), id);
  };
  // Long before Enter: Chromium is told to hand its file dialog over, and a key that overtakes that opens it for nobody.
  const opened = page.waitForEvent('filechooser');
  await tabTo('tab-check');
  await press('ArrowRight');
  await page.waitForFunction(() => document.activeElement.id === 'tab-teach');
  await press('ArrowLeft');
  await tabTo('pick');
  await press('Enter');
  await (await opened).setFiles([fox, bear]);
  await decided(page, 2);
  await tabTo('pick');
  for (let i = 0; i < 20 && !(await page.evaluate(() => document.activeElement.textContent === 'bear.jpg')); ++i) await press('Tab');
  await press('Enter');
  await page.waitForFunction(() => document.getElementById('detail-name').textContent === 'bear.jpg');
  await tabTo('method');
  await press('End'); // SHAP, the last
  await page.waitForSelector('#shap', { state: 'visible' });
  await tabTo('samples');
  await press('End'); // a thousand: they are not done before they are cancelled
  await tabTo('shap-start');
  await press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'shap-cancel');
  await press('Enter');
  await page.waitForFunction(() => document.getElementById('map-note').textContent === 'Cancelled.');
  await page.waitForFunction(() => document.activeElement.id === 'shap-start');
});

for (const colorScheme of ['light', 'dark']) {
  pageTest(`axe finds nothing to complain about, ${colorScheme}`, async (page) => {
    const violations = async (where) => {
      const { violations: found } = await page.evaluate(() => globalThis.axe.run());
      return found.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html }) => html.slice(0, 90)).join(' ')}`);
    };
    await page.evaluate(readFileSync(axeFile, 'utf8'));
    const found = await violations('empty');
    await check(page, [fox, bear, path.join(pictures, 'real/flowers.jpg'), path.join(pictures, 'cases/no-scan.jpg')]);
    await page.waitForFunction(() => document.getElementById('legend').textContent !== '');
    found.push(...await violations('results'));
    await page.selectOption('#method', 'shap');
    found.push(...await violations('shap'));
    await page.click('#tab-teach');
    found.push(...await violations('teach'));
    await page.click('#tab-about');
    found.push(...await violations('about'));
    assert.deepEqual(found, []);
  }, { colorScheme });
}

pageTest('on a phone nothing is wider than the screen, and a picture that is chosen comes into view', async (page) => {
  await check(page, [fox, path.join(pictures, 'real/flowers.jpg'), path.join(pictures, 'cases/no-scan.jpg')]);
  for (const tab of ['check', 'teach', 'about']) {
    await page.click(`#tab-${tab}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), tab);
  }
  await page.click('#tab-check');
  await page.tap('#table tr:nth-child(2)'); // below; what is said of it, above
  await page.waitForFunction(() => document.getElementById('detail-name').textContent === 'flowers.jpg');
  const { y } = await page.locator('#verdict-word').boundingBox();
  assert.ok(y > 0 && y < 740, `the verdict lies at ${y}`);
}, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

pageTest('pictures that are cleared away are not waited for', async (page) => {
  await page.setInputFiles('#files', Array.from({ length: 60 }, (_, i) => twelve[i % 12]));
  await page.waitForSelector('#table .tag');
  const workers = page.workers().length;
  await page.click('#clear');
  await check(page, fox);
  assert.match(await page.textContent('#verdict-word'), /AI-generated/);
  assert.equal(await page.locator('#table tr').count(), 1);
  while (page.workers().length > workers) await page.waitForTimeout(50); // those that were ended go; no thread was begun for what is not wanted
});

pageTest('two hundred pictures leave memory where it was', async (page, context) => {
  const client = await context.newCDPSession(page);
  const heap = async () => {
    await client.send('HeapProfiler.collectGarbage');
    return (await client.send('Runtime.getHeapUsage')).usedSize;
  };
  const pass = async () => {
    await check(page, Array.from({ length: 50 }, (_, i) => twelve[i % 12]));
    const wasm = await page.evaluate(() => globalThis.levit.memory());
    await page.click('#clear');
    return { wasm, heap: await heap() };
  };
  const first = await pass();
  await pass();
  await pass();
  const last = await pass();
  console.log(`memory after 50 and 200 pictures: ${JSON.stringify([first, last])}`);
  assert.equal(last.wasm, first.wasm);
  assert.ok(last.heap - first.heap < 1 << 20, `${last.heap - first.heap} bytes`);
});
