import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { fixturePath } from '../../test/root.ts';
import { redact } from './redact.ts';

interface Labelled {
  readonly text: string;
  readonly found: readonly { readonly value: string }[];
}

const labelled: readonly Labelled[] = JSON.parse(
  readFileSync(fixturePath('privacy.json'), 'utf8').replaceAll('\\u00a6', ''),
);
const withFindings = labelled.filter(({ found }) => found.length > 0);

test('each finding becomes its kind, and is counted', () => {
  const { text, found } = redact(
    'ada@example.com or grace@example.org, card 4111 1111 1111 1111, https://root:hunter22@db.example/',
  );
  assert.equal(text, '[email] or [email], card [card], https://[credentials]@db.example/');
  assert.deepEqual(found, [
    { kind: 'email', count: 2 },
    { kind: 'card', count: 1 },
    { kind: 'credentials', count: 1 },
  ]);
});

test('of what overlaps, the longer kind is named, and of equals the more specific one', () => {
  assert.equal(redact('IBAN GB82 WEST 1234 5698 7654 32').text, 'IBAN [iban]');
  assert.equal(redact('password=4111111111111111').text, 'password=[card]');
  assert.equal(redact('NHS phone 943 476 5919').text, 'NHS phone [nhs-number]');
});

test('what hides behind other digits, dashes and characters of no width is found, and the rest stays as it is', () => {
  const hidden = 'Ｐａｙ ４１１１\u00a01111\u20111111\u200b 1111\u200b, naïve ﬁle — “ok”';
  assert.equal(redact(hidden).text, 'Ｐａｙ [card]\u200b, naïve ﬁle — “ok”');
  assert.equal(redact('at\u200b4111111111111111\u200bso').text, 'at\u200b[card]\u200bso');
});

test('a text without findings comes back as it is', () => {
  for (const { text, found } of labelled) {
    if (found.length === 0) assert.deepEqual(redact(text), { text, found: [] });
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const { text: redacted, found } = redact(text);
      assert.ok(found.length > 0 || redacted === text);
    }),
  );
});

const values = withFindings.flatMap(({ found }) => found.map(({ value }) => value));
const words =
  'tel card password: token= iban SSN NHS key http://a:b@ [email] [card] [secret] +1 020 00 4111 1.2.3.4'.split(
    ' ',
  );
/** Parts of findings, words for them and what may stand between, so that findings touch and hide each other. */
const fragment = fc.oneof(
  fc.constantFrom(...values),
  fc.tuple(fc.constantFrom(...values), fc.nat(20), fc.nat(20)).map(([value, a, b]) => value.slice(a, a + b)),
  fc.constantFrom(...words),
  fc.constantFrom(' ', '-', '.', '/', '(', ')', ':', '=', ',', '@', '\n', '\u200b', '"'),
  fc.string({ unit: 'binary-ascii', maxLength: 6 }),
);

test('redacting twice changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 24 }), (fragments) => {
      const once = redact(fragments.join('')).text;
      assert.deepEqual(redact(once), { text: once, found: [] });
    }),
    { numRuns: 1_500 },
  );
  for (const { text } of labelled) {
    const once = redact(text).text;
    assert.equal(redact(once).text, once);
  }
});

const noise = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.string({ unit: 'binary-ascii', maxLength: 120 }),
  fc.lorem({ maxCount: 20 }),
);
const joint = fc.constantFrom('\n', '\n\n', '; ', ' | ', ' "', '\t', ' — ');

test('of a thousand secrets planted in random text, none survives', () => {
  fc.assert(
    fc.property(
      noise,
      joint,
      fc.constantFrom(...withFindings),
      joint,
      noise,
      (before, left, planted, right, after) => {
        const { text } = redact(before + left + planted.text + right + after);
        for (const { value } of planted.found) assert.ok(!text.includes(value), text);
      },
    ),
    { numRuns: 1_000 },
  );
});
