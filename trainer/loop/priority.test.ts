import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';

const module = new URL('./priority.js', import.meta.url).href;
/** Niceness and scheduling class of a process that has set its priority: fields 19 and 41 of /proc/<pid>/stat, sched(7). */
const ask = `
  import { readFileSync } from 'node:fs';
  import { setTrainerPriority } from ${JSON.stringify(module)};
  setTrainerPriority(Number(process.argv[1]));
  const line = readFileSync('/proc/self/stat', 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  console.log(fields[16], fields[38]);
`;
const told = (niceness: number, path = process.env.PATH): string[] =>
  execFileSync(process.execPath, ['--input-type=module', '-e', ask, String(niceness)], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  })
    .trim()
    .split(' ');

const skip =
  process.platform === 'linux' && spawnSync('chrt', ['--version']).status === 0
    ? false
    : 'chrt of util-linux is not installed here';
const idleClass = '5';

test('the least urgent trainer is of the idle class, another one is nice only', { skip }, () => {
  assert.deepEqual(told(19), ['19', idleClass]);
  assert.deepEqual(told(12), ['12', '0']);
});

test('without chrt niceness alone is set', {
  skip: process.platform !== 'linux' && 'there is no /proc here',
}, () => {
  assert.deepEqual(told(19, '/nowhere'), ['19', '0']);
});
