import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Options, parseOptions } from './options.ts';

const parse = (...args: string[]): Options => parseOptions(args) as Options;

test('a server is named with or without the path of its API', () => {
  assert.deepEqual(
    parse('--url', 'http://127.0.0.1:1,http://localhost:2/', '--url', 'http://[::1]:3/api/v2').urls,
    ['http://127.0.0.1:1/v1', 'http://localhost:2/v1', 'http://[::1]:3/api/v2'],
  );
});

test('hosts other than this one are loaded only when that is allowed', () => {
  for (const option of ['--url', '--admin-url']) {
    for (const host of ['example.com', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com']) {
      assert.throws(() => parse(option, `http://${host}:8080`), new RegExp(`${host} is not this machine`));
    }
  }
  assert.deepEqual(parse('--url', 'http://example.com', '--allow-remote').urls, ['http://example.com/v1']);
  assert.throws(() => parse('--url', 'ftp://127.0.0.1'), /not an address/);
});

test('everything that is wrong is told at once', () => {
  const args = [
    '--scenario',
    'steady,nothing',
    '--clients',
    '0',
    '--rate',
    'x',
    '--threshold',
    'a',
    '--profile',
    'huge',
  ];
  assert.throws(
    () => parse(...args),
    ({ message }: Error) => {
      for (const part of [
        'no scenario "nothing"',
        '--clients is 0',
        '--rate is x',
        '"a" is no threshold',
        '--profile is huge',
      ])
        assert.ok(message.includes(part), `${part}: ${message}`);
      return true;
    },
  );
});

test('scenarios keep their order and are run once each; sizes that are not given are left to them', () => {
  const { scenarios, overrides } = parse('--scenario', 'overload,steady,overload', '--seconds', '7');
  assert.deepEqual(
    scenarios.map(({ name }) => name),
    ['overload', 'steady'],
  );
  assert.deepEqual(overrides, { seconds: 7 });
});

test('bounds have bounds', () => {
  for (const option of ['--max-minutes', '--max-requests', '--max-connections', '--clients', '--seconds'])
    assert.throws(() => parse(option, '100000000'), /at most|from 1 to|from 0\.01 to/, option);
});
