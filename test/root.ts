/** Where the checkout lies, for tests that read fixtures: compiled tests run from dist/. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'biome.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('no checkout above this file');
  return findRoot(parent);
}

export const repoRoot = findRoot(dirname(fileURLToPath(import.meta.url)));
export const fixturePath = (name: string): string => join(repoRoot, 'test', 'fixtures', name);
