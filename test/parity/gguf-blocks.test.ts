import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { blockFormats } from '../../core/checkpoint/dequantize.ts';
import { fixturePath } from '../root.ts';
import { maxDifference } from './imported.ts';

interface Case {
  readonly type: number;
  readonly name: string;
  /** Base64. */
  readonly bytes: string;
  /** Base64 of little-endian fp32. */
  readonly weights: string;
}

/** From gguf-blocks.py beside this file. */
const cases = JSON.parse(readFileSync(fixturePath('gguf-blocks.json'), 'utf8')) as readonly Case[];
const tolerance = 1e-6;

test('every type that is read has a case', () => {
  assert.deepEqual(cases.map(({ type }) => type).sort(), [...blockFormats.keys()].sort());
});

for (const { type, name, bytes, weights } of cases) {
  test(`${name} blocks are decoded as the gguf package decodes them`, () => {
    const format = blockFormats.get(type)!;
    const expected = new Float32Array(Uint8Array.from(Buffer.from(weights, 'base64')).buffer);
    const decoded = format.decode(Uint8Array.from(Buffer.from(bytes, 'base64')));
    assert.equal(format.name, name);
    assert.equal(decoded.length, expected.length);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.ok(maxDifference(decoded, expected) <= tolerance * largest);
  });
}
