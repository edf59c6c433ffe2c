// What the tests in a browser share: a server as strict as README.md advises, Chromium, and a page that notes every
// message, failed request and address it asks for.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { modules, site } from './paths.mjs';

const require = createRequire(path.join(modules, 'package.json'));
const { chromium } = require('playwright-core');
export const axeFile = require.resolve('axe-core/axe.min.js');

const types = {
  '.html': 'text/html; charset=utf-8', '.mjs': 'text/javascript', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml', '.jpg': 'image/jpeg', '.webmanifest': 'application/manifest+json',
};

export async function serve(folder = site) {
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = path.join(folder, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    try {
      const content = await readFile(file);
      response.writeHead(200, {
        'content-type': types[path.extname(file)] ?? 'application/octet-stream',
        'content-length': content.length,
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache',
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

export const PATIENCE = 200000; // milliseconds: a test ends by what the page shows, and fails by time only when that never comes

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', timeout: PATIENCE, args: ['--no-sandbox', '--disable-dev-shm-usage'] }); // a container's /dev/shm is small

// A page of the site with the model loaded. complaints: everything that must not be.
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith('blob:') && !url.startsWith('data:')) complaints.push(`request: ${url}`);
  });
  await page.goto(address);
  await page.waitForSelector('.engine.ready');
  return { context, page, complaints };
}

// Gives files to the page and waits until each has a verdict or a cause.
export async function check(page, files) {
  const before = await page.locator('#table tr').count();
  await page.setInputFiles('#files', files);
  await decided(page, before + [files].flat().length);
}

export async function decided(page, count) {
  try {
    await page.waitForFunction((all) => document.querySelectorAll('#table .tag, #table .cause').length === all, count, { timeout: PATIENCE, polling: 100 });
  } catch (error) {
    throw new Error(`${await page.locator('#table .tag, #table .cause').count()} of ${count} pictures have a verdict: ${error.message}`, { cause: error });
  }
}
