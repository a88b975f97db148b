import assert from 'node:assert/strict';
import { test } from 'node:test';
import { obfuscate } from './obfuscate.ts';

test('chunks of any text get a size that is one of few, and stay what they were but for one field', () => {
  const sizes = new Set<number>();
  for (let length = 0; length < 600; length++) {
    const chunk = { id: 'x', choices: [{ index: 0, delta: { content: 'ü'.repeat(length) } }] };
    const padded = obfuscate(JSON.stringify(chunk));
    const { obfuscation, ...rest } = JSON.parse(padded) as { obfuscation: string };
    assert.deepEqual(rest, chunk);
    assert.match(obfuscation, /^[\w-]*$/);
    sizes.add(Buffer.byteLength(padded));
  }
  assert.deepEqual([...sizes], [256, 512, 768, 1024, 1280]);
});
