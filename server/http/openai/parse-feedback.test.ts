import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Value } from '@sinclair/typebox/value';
import fc from 'fast-check';
import { MillraceError } from '../../../core/errors.ts';
import { fieldLimits } from '../limits.ts';
import { parseFeedback } from './parse-feedback.ts';
import { FeedbackBody } from './schemas.ts';

type Body = Readonly<Record<string, unknown>>;

/** As a body comes to the parser: it has passed the schema. */
function parsed(body: Body): ReturnType<typeof parseFeedback> {
  assert.ok(Value.Check(FeedbackBody, body), JSON.stringify(body).slice(0, 200));
  return parseFeedback(body, 'default-model');
}

const refuses = (body: Body, param: string): void =>
  assert.throws(
    () => parsed(body),
    (error: unknown) => {
      assert.ok(error instanceof MillraceError, String(error));
      assert.deepEqual([error.code, error.param], ['invalid_argument', param]);
      assert.ok(error.message.length < 200);
      return true;
    },
    JSON.stringify(body).slice(0, 200),
  );

const user = { role: 'user', content: 'Who?' };
const assistant = { role: 'assistant', content: 'Ada.' };

/** A whole body of each kind. */
const whole: Readonly<Record<string, Body>> = {
  correction: { kind: 'correction', response_id: 'r1', choice: 2, text: 'right' },
  rating: { kind: 'rating', response_id: 'r1', choice: 2, value: 4, scale: 5 },
  preference: { kind: 'preference', response_id: 'r1', choice: 2, chosen: 'this', rejected: 'that' },
  comment: { kind: 'comment', response_id: 'r1', choice: 2, text: 'nice' },
  demonstration: { kind: 'demonstration', model: 'tiny', messages: [user, assistant] },
};
const required: Readonly<Record<string, readonly string[]>> = {
  correction: ['response_id', 'text'],
  rating: ['response_id', 'value'],
  preference: ['response_id', 'chosen'],
  comment: ['response_id', 'text'],
  demonstration: ['messages'],
};

test('each kind becomes what is said of the response', () => {
  const about = { kind: 'response', responseId: 'r1', choice: 2 };
  assert.deepEqual(parsed(whole.correction!), { ...about, remark: { kind: 'correction', text: 'right' } });
  assert.deepEqual(parsed(whole.rating!), { ...about, remark: { kind: 'rating', value: 0.5 } });
  assert.deepEqual(parsed(whole.comment!), { ...about, remark: { kind: 'comment', text: 'nice' } });
  assert.deepEqual(parsed(whole.preference!), {
    ...about,
    remark: { kind: 'preference', chosen: 'this', rejected: 'that' },
  });
  assert.deepEqual(parsed(whole.demonstration!), {
    kind: 'demonstration',
    model: 'tiny',
    context: { kind: 'chat', messages: [user] },
    answer: 'Ada.',
  });
});

test('what is left out has a meaning: the first choice, the answer as the loser, the default model', () => {
  assert.deepEqual(parsed({ kind: 'preference', response_id: 'r1', chosen: 'this' }), {
    kind: 'response',
    responseId: 'r1',
    choice: 0,
    remark: { kind: 'preference', chosen: 'this', rejected: null },
  });
  const subject = parsed({ kind: 'demonstration', messages: [user, assistant] });
  assert.equal(subject.kind === 'demonstration' && subject.model, 'default-model');
});

test('a field that a kind needs is missed by name', () => {
  for (const [kind, fields] of Object.entries(required)) {
    for (const field of fields) {
      const { [field]: _, ...rest } = whole[kind]!;
      refuses(rest, field);
    }
  }
});

test('a field that a kind does not have is refused by name, also one that nothing has', () => {
  const all = Object.assign({}, ...Object.values(whole)) as Body;
  for (const [kind, body] of Object.entries(whole)) {
    for (const field of Object.keys(all)) {
      if (field === 'kind' || field in body) continue;
      refuses({ ...body, [field]: all[field], kind }, field);
    }
    refuses({ ...body, wish: 1 }, 'wish');
    refuses({ ...body, constructor: 1 }, 'constructor');
  }
  const name = 'n'.repeat(100_000);
  refuses({ ...whole.comment, [name]: 1 }, name);
});

test('a thumb is 1 or -1', () => {
  const rated = (value: number) => {
    const subject = parsed({ kind: 'rating', response_id: 'r1', value });
    return subject.kind === 'response' && subject.remark;
  };
  assert.deepEqual(rated(1), { kind: 'rating', value: 1 });
  assert.deepEqual(rated(-1), { kind: 'rating', value: -1 });
  for (const value of [0, 2, 100]) refuses({ kind: 'rating', response_id: 'r1', value }, 'value');
});

test('a scale is spread evenly from -1, the worst, to 1, the best, with its middle at 0', () => {
  const rated = (value: number, scale: number): number => {
    const subject = parsed({ kind: 'rating', response_id: 'r1', value, scale });
    assert.ok(subject.kind === 'response' && subject.remark.kind === 'rating');
    return subject.remark.value;
  };
  for (const scale of [2, 3, 4, 5, 7, 10, 11, 99, 100]) {
    const values = Array.from({ length: scale }, (_, index) => rated(index + 1, scale));
    assert.equal(values[0], -1);
    assert.equal(values.at(-1), 1);
    const step = 2 / (scale - 1);
    for (const [index, value] of values.entries()) {
      assert.ok(Math.abs(value + values[scale - 1 - index]!) < 1e-12);
      if (index > 0) assert.ok(Math.abs(value - values[index - 1]! - step) < 1e-12);
    }
    for (const value of [-1, 0, scale + 1].filter((each) => each <= 100))
      refuses({ kind: 'rating', response_id: 'r1', value, scale }, 'value');
  }
  assert.equal(rated(3, 5), 0);
});

test('a text that is blank says nothing', () => {
  for (const [kind, field] of [
    ['correction', 'text'],
    ['comment', 'text'],
    ['preference', 'chosen'],
    ['preference', 'rejected'],
  ] as const)
    refuses({ ...whole[kind], [field]: ' \n\t\u00a0' }, field);
});

test('a preference for the same is none', () => {
  refuses({ ...whole.preference, chosen: 'that' }, 'rejected');
});

test('a demonstration ends with what the assistant should say', () => {
  const ends = (...messages: readonly object[]): Body => ({ kind: 'demonstration', messages });
  refuses(ends(assistant, user), 'messages');
  refuses(ends(user, { role: 'assistant', content: '  ' }), 'messages');
  refuses(ends(user, { role: 'assistant', content: [{ type: 'text', text: '' }] }), 'messages');
  const long = 'x'.repeat(fieldLimits.feedbackCharacters + 1);
  refuses(ends({ role: 'user', content: long }, assistant), 'messages');
  refuses(ends(user, { role: 'assistant', content: long }), 'messages');
  assert.ok(parsed(ends({ role: 'user', content: long.slice(1) }, assistant)));
  const parts = [
    { type: 'text', text: 'one' },
    { type: 'text', text: 'two' },
  ];
  const developer = { role: 'developer', content: 'Be brief.' };
  assert.deepEqual(parsed(ends(developer, { role: 'user', content: parts }, assistant)), {
    kind: 'demonstration',
    model: 'default-model',
    context: {
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'one\ntwo' },
      ],
    },
    answer: 'Ada.',
  });
});

test('whatever passes the schema is parsed or refused with the name of a field', () => {
  const text = fc.string({ minLength: 1, maxLength: 8 });
  const message = fc.record({
    role: fc.constantFrom('user', 'assistant', 'system', 'developer'),
    content: fc.oneof(
      text,
      fc.constant(''),
      fc.array(fc.record({ type: fc.constant('text'), text }), { minLength: 1 }),
    ),
  });
  const body = fc.record(
    {
      kind: fc.constantFrom(...Object.keys(whole)),
      response_id: text,
      choice: fc.nat(1_000),
      text,
      value: fc.integer({ min: -1, max: 100 }),
      scale: fc.integer({ min: 2, max: 100 }),
      chosen: text,
      rejected: text,
      messages: fc.array(message, { minLength: 2, maxLength: 4 }),
      model: text,
    },
    { requiredKeys: ['kind'] },
  );
  fc.assert(
    fc.property(body, (given) => {
      try {
        const subject = parsed(given);
        assert.equal(subject.kind === 'demonstration', given.kind === 'demonstration');
        if (subject.kind === 'response' && subject.remark.kind === 'rating')
          assert.ok(Math.abs(subject.remark.value) <= 1);
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'invalid_argument', String(error));
        assert.ok(error.param !== null);
      }
    }),
    { numRuns: 300 },
  );
});
