import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { repoRoot } from '../../test/root.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
after(() => rmSync(folder, { recursive: true }));

function millrace(...args: string[]) {
  const program = join(repoRoot, 'dist', 'server', 'cli', 'millrace.js');
  const { PATH } = process.env;
  return spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env: { PATH },
    encoding: 'utf8',
    timeout: 30_000,
  });
}

test('help lists every command and exits with 0; no command at all is wrong usage', () => {
  const { status, stdout } = millrace('--help');
  assert.equal(status, 0);
  for (const name of [
    'serve',
    'pull',
    'import',
    'inspect',
    'chat',
    'perplexity',
    'bench',
    'versions',
    'replicas',
    'config',
  ])
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  assert.equal(millrace().status, 2);
  assert.match(millrace('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test('help of a command shows its options and the settings', () => {
  const { status, stdout } = millrace('config', '--help');
  assert.equal(status, 0);
  assert.match(stdout, /--schema/);
  assert.match(stdout, /--engine-max-slots/);
});

test('a mistyped command or option is exit code 2 with a suggestion', () => {
  const command = millrace('confg');
  assert.equal(command.status, 2);
  assert.match(command.stderr, /Unknown command "confg"\. Did you mean config\?/);
  const option = millrace('config', '--prot', '1');
  assert.equal(option.status, 2);
  assert.match(option.stderr, /Unknown option --prot\. Did you mean port\?/);
  assert.match(millrace('config', '--port').stderr, /--port needs a value/);
  assert.match(millrace('config', '--schema=yes').stderr, /--schema takes no value/);
  assert.match(millrace('config', 'extra').stderr, /Expected 0 argument/);
  assert.match(millrace('constructor').stderr, /Unknown command/);
});

test('the effective configuration goes to stdout; a wrong one is exit code 2', () => {
  const good = millrace('config', '--port', '9090', '--models-dir=m');
  assert.equal(good.status, 0);
  assert.match(good.stdout, /^server\.port +9090 +flag$/m);
  assert.match(good.stdout, /^models\.dir +"m" +flag$/m);
  const wrong = millrace('config', '--port', 'x', '--log-level', 'y');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /has 2 problem/);
  assert.equal(JSON.parse(millrace('config', '--schema').stdout).additionalProperties, false);
});

test('a failure is exit code 1 with one clear message and no stack', () => {
  const { status, stderr } = millrace('pull', 'unheard-of');
  assert.equal(status, 1);
  assert.match(stderr, /"unheard-of" does not exist\. Available: smollm2/);
  assert.doesNotMatch(stderr, /\n {4}at /);
});
