// The native program beside the page: its verdicts, and a model of its making.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { native, site, work } from './paths.mjs';

export const builtIn = path.join(site, 'ai_vs_real.levit');

// What `levit classify` says of the files that it can read, in their order.
export const verdicts = (model, files) => execFileSync(native, ['classify', '--quiet', '--json', '--model', model, ...files], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  .trim().split('\n').map(JSON.parse);

export function writePpm(file, width, height, rgb) {
  writeFileSync(file, Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), Buffer.from(rgb)]));
  return file;
}

// The built-in model, which also knows how its training pictures are spread: these are, each its own grain, half of
// them dark and half light. A picture of the training, and one unlike any.
export function familiarModel() {
  const folder = path.join(work, 'familiar');
  rmSync(folder, { recursive: true, force: true });
  const side = 24;
  let state = 1;
  const grain = () => { // Numerical Recipes' generator, its upper bits
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 26;
  };
  for (const [kind, light] of [['dark', 40], ['light', 150]]) {
    mkdirSync(path.join(folder, kind), { recursive: true });
    for (let i = 0; i < 30; ++i) {
      writePpm(path.join(folder, kind, `${i}.ppm`), side, side, Uint8Array.from({ length: 3 * side * side }, () => light + grain()));
    }
  }
  const model = path.join(folder, 'familiar.levit');
  execFileSync(native, ['finetune', folder, '--familiarity-only', '--no-cache', '--model', builtIn, '-o', model], { stdio: 'ignore' });
  const strange = writePpm(path.join(folder, 'strange.ppm'), side, side,
    Uint8Array.from({ length: 3 * side * side }, (_, i) => ((i / 3) & 4 ? 255 : 0)));
  return { model, known: path.join(folder, 'dark/0.ppm'), strange };
}
