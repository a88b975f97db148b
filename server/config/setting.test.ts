import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisUrl, url, word } from './setting.ts';

test('a URL is one of http or https, or nothing where it may be left out', () => {
  const setting = url({ default: '', optional: true, description: '' });
  for (const value of ['', 'http://127.0.0.1:4318', 'https://collector.example/otlp'])
    assert.deepEqual(setting.parse(value), { value });
  for (const value of ['collector:4318', 'file:///tmp', '/v1/traces', 'http://', 4318, null])
    assert.match((setting.parse(value) as { problem: string }).problem, /^expected/, String(value));
  assert.ok('problem' in url({ default: 'http://a', description: '' }).parse(''));
});

test('a URL of Redis is one of redis or rediss, and a wrong one is not repeated', () => {
  const setting = redisUrl({ description: '' });
  assert.equal(setting.secret, true);
  for (const value of [
    '',
    'redis://host',
    'redis://:p%40ss@127.0.0.1:6379/2',
    'rediss://user:secret@[::1]:6380',
  ])
    assert.deepEqual(setting.parse(value), { value });
  for (const value of [
    'host:6379',
    'http://:secret@host',
    'redis://:secret@host/a',
    'redis://',
    'redis://h?a=b',
    1,
  ]) {
    const { problem } = setting.parse(value) as { problem: string };
    assert.match(problem, /^expected a URL|^expected text/, String(value));
    assert.doesNotMatch(problem, /secret/);
  }
});

test('a word has letters, digits and few signs', () => {
  const setting = word({ default: 'a', description: '' });
  for (const value of ['a', 'Millrace-1.eu_2', 'x'.repeat(64)])
    assert.deepEqual(setting.parse(value), { value });
  for (const value of ['', 'a b', '{a}', 'ä', 'x'.repeat(65), 'a\n', 7])
    assert.ok('problem' in setting.parse(value), String(value));
  assert.deepEqual(word({ default: '', optional: true, description: '' }).parse(''), { value: '' });
});
