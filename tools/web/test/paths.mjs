// Where the tests find what they test, and write.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const site = path.join(root, 'build/web/site');
export const work = path.join(root, 'build/web/work');
export const modules = path.join(root, 'build/web/modules'); // what run installs
export const native = path.join(root, 'build/release/levit');
export const packer = path.join(root, 'build/release/pack_weights');
export const pictures = path.join(root, 'tests/data/pictures');

mkdirSync(work, { recursive: true });
