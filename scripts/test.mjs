// Builds, then runs every test (or those whose path contains the word after --only).
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']);
const files = readdirSync(join(root, 'dist'), { recursive: true })
  .filter((name) => name.endsWith('.test.js') && name.includes(only))
  .map((name) => join('dist', name));
run(process.execPath, ['--test', ...files]);
