import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repoRoot } from './root.ts';

const timeout = 30_000;

function checkNodeAs(version: string) {
  const prepare = pathToFileURL(join(repoRoot, 'scripts', 'prepare.mjs')).href;
  const code = `Object.defineProperty(process.versions, 'node', { value: '${version}' });
    (await import('${prepare}')).checkNode(); console.log('accepted');`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout });
}

test('start refuses a Node that is too old and says which one it needs', () => {
  for (const version of ['18.20.4', '20.18.3']) {
    const { status, stderr } = checkNodeAs(version);
    assert.equal(status, 1, version);
    assert.match(stderr, /needs Node\.js 20\.19 or newer; this is \d+\.\d+\.\d+/);
    assert.ok(stderr.includes(version));
  }
});

test('start accepts 20.19 and every later major version', () => {
  for (const version of ['20.19.0', '22.0.0', '24.3.1']) {
    assert.equal(checkNodeAs(version).stdout.trim(), 'accepted', version);
  }
});

test('the test command refuses options that it does not know', () => {
  const script = join(repoRoot, 'scripts', 'test.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--watch'], { encoding: 'utf8', timeout });
  assert.equal(status, 2);
  assert.match(stderr, /usage: npm test/);
});
