import assert from 'node:assert/strict';
import { test } from 'node:test';
import { url } from './setting.ts';

test('a URL is one of http or https, or nothing where it may be left out', () => {
  const setting = url({ default: '', optional: true, description: '' });
  for (const value of ['', 'http://127.0.0.1:4318', 'https://collector.example/otlp'])
    assert.deepEqual(setting.parse(value), { value });
  for (const value of ['collector:4318', 'file:///tmp', '/v1/traces', 'http://', 4318, null])
    assert.match((setting.parse(value) as { problem: string }).problem, /^expected/, String(value));
  assert.ok('problem' in url({ default: 'http://a', description: '' }).parse(''));
});
