import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StopMatcher } from './stop-matcher.ts';

/** Few letters, so that stop strings overlap with the text and with themselves. */
const letters = (options: { minLength: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🎉'), ...options });
const pieces = fc.array(letters({ minLength: 0, maxLength: 4 }), { maxLength: 30 });
const stops = fc.array(letters({ minLength: 1, maxLength: 5 }), { maxLength: 4 });

/** The text before the first stop string, found with all of it at hand. */
function expected(text: string, stopTexts: readonly string[]): { text: string; stopped: boolean } {
  const places = stopTexts.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0
    ? { text, stopped: false }
    : { text: text.slice(0, Math.min(...places)), stopped: true };
}

test('however the text is cut, what comes out is what stands before the first stop string', () => {
  fc.assert(
    fc.property(pieces, stops, (parts, stopTexts) => {
      const matcher = new StopMatcher(stopTexts);
      let seen = '';
      let given = '';
      for (const part of parts) {
        seen += part;
        const { text, stopped } = matcher.push(part);
        given += text;
        // A stop string is noticed with the piece that completes it, not later.
        assert.deepEqual(stopped, expected(seen, stopTexts).stopped);
        if (stopped) {
          assert.equal(given, expected(seen, stopTexts).text);
          return;
        }
      }
      assert.equal(given + matcher.flush(), seen);
    }),
    { numRuns: 2000 },
  );
});

test('no more is held back than the beginning of a stop string', () => {
  const matcher = new StopMatcher(['###', 'User:']);
  assert.equal(matcher.push('Hello #').text, 'Hello ');
  assert.equal(matcher.push('1').text, '#1');
  assert.equal(matcher.push(' Use').text, ' ');
  assert.equal(matcher.push('ful').text, 'Useful');
});

test('a million characters that nearly match take less than a second', () => {
  const matcher = new StopMatcher([`${'a'.repeat(255)}b`]);
  const startMs = performance.now();
  for (let index = 0; index < 100_000; index++) matcher.push('aaaaaaaaaa');
  assert.ok(performance.now() - startMs < 1_000);
});
