import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { opaque } from './placeholder.ts';
import { viewsOf } from './view.ts';

/** Pieces of a text, with what the view has in their place. */
const pieces: readonly (readonly [string, string])[] = [
  ['a', 'a'],
  ['我', '我'],
  ['🎉', '🎉'],
  ['7', '7'],
  ['\uff17', '7'],
  ['\u0667', '7'],
  ['\u096d', '7'],
  ['\u{1d7e9}', '7'],
  ['\u{1d7d5}', '7'],
  ['\u200b', ''],
  ['\u00ad', ''],
  ['\ufe0f', ''],
  ['\u00a0', ' '],
  ['\u3000', ' '],
  ['\u2011', '-'],
  ['\u2212', '-'],
  ['\uff20', '@'],
  ['[email]', opaque],
  ['[mail]', '[mail]'],
];

test('every place of the view leads back to the piece it came from', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (chosen) => {
      const text = chosen.map(([original]) => original).join('');
      const view = viewsOf(text)[0]!;
      assert.equal(view.text, chosen.map(([, read]) => read).join(''));
      let start = 0;
      let viewStart = 0;
      for (const [original, read] of chosen) {
        const span = { start: viewStart, end: viewStart + read.length };
        if (read !== '') assert.deepEqual(view.original(span), { start, end: start + original.length });
        start += original.length;
        viewStart += read.length;
      }
    }),
  );
});

test('digits of every script are read as theirs', () => {
  const zeros = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0x1040, 0x17e0, 0x1810, 0xa620, 0xff10, 0x104a0, 0x1d7ce, 0x1d7d8,
    0x1fbf0,
  ];
  for (const zero of zeros) {
    const digits = Array.from({ length: 10 }, (_, value) => String.fromCodePoint(zero + value)).join('');
    assert.equal(viewsOf(digits)[0]!.text, '0123456789', zero.toString(16));
  }
});

test('a character of no width is read as nothing and as a boundary', () => {
  assert.deepEqual(
    viewsOf('a\u200bb').map(({ text }) => text),
    ['ab', 'a\nb'],
  );
  assert.equal(viewsOf('plain text').length, 1);
});
