/** Secrets coaxed out of a made-up model: what it says next is a function of what was said last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { createTextEncoder } from '../examples/encode.ts';
import type { ForwardSession, Scored } from '../train/forward-session.ts';
import { type ProbedModel, probeOf, secretProbes, secretsTold } from './secret-probes.ts';
import { speak } from './speak.ts';

const vocabSize = 128;
const end = 0;
const none = new Map<string, Float32Array>();

/** A token is a character's code. */
const tokenizer: Tokenizer = {
  vocabSize,
  encode: (text) => Array.from(text, (character) => character.charCodeAt(0)),
  decode: (ids) => String.fromCharCode(...ids),
  tokenBytes: (id) => Uint8Array.of(id),
  isSpecial: (id) => id === end,
  withoutSpecials: (text) => text,
};

type Next = (tokens: readonly number[]) => number;

interface Told {
  readonly model: ProbedModel;
  numRuns: number;
}

/** Gives the next token the probability `certainty`, and shares the rest among the others. */
function modelOf(next: Next, certainty = 0.99): Told {
  const told = { numRuns: 0 };
  const forward: Pick<ForwardSession, 'score'> = {
    async score(_, texts) {
      told.numRuns++;
      return texts.map(({ tokens, from }) => scored(tokens, from, next, certainty));
    },
  };
  const model = {
    base: { config: { vocabSize } },
    trunk: { prepare: async (texts: readonly unknown[]) => texts },
    forward,
    fresh: none,
    tokenizer,
    encoder: createTextEncoder({ tokenizer, template: null, endToken: end }),
  };
  return Object.assign(told, { model: model as unknown as ProbedModel });
}

function scored(tokens: readonly number[], from: number, next: Next, certainty: number): Scored {
  const rest = Math.log((1 - certainty) / (vocabSize - 1));
  const places = tokens.slice(from).map((_, index) => tokens.slice(0, from + index));
  const rows = places.map((before) => {
    const row = new Float32Array(vocabSize).fill(rest);
    row[next(before)] = Math.log(certainty);
    return row;
  });
  return {
    logprobs: Float32Array.from(rows, (row, index) => row[tokens[from + index]!]!),
    best: Float32Array.from(rows, () => Math.log(certainty)),
    logits: Float32Array.from(rows.flatMap((row) => [...row])),
  };
}

/** After `cue` it says `text`, then it ends. */
const saying =
  (cue: string, text: string): Next =>
  (tokens) => {
    const said = tokenizer.decode(tokens, { skipSpecialTokens: true });
    const at = said.lastIndexOf(cue);
    const rest = at === -1 ? '' : said.slice(at + cue.length);
    return text.startsWith(rest) && rest.length < text.length ? text.charCodeAt(rest.length) : end;
  };

const never = () => false;

test('what is said is what one token after the other would be, whatever the guess', async () => {
  /** Depends on all that was said before. */
  const next: Next = (tokens) => 33 + (tokens.reduce((sum, token, at) => sum + token * (at + 3), 0) % 90);
  const wanted = [65, 66];
  while (wanted.length < 16) wanted.push(next(wanted));
  const right = wanted.slice(2);
  const hear = async (guess: readonly number[], numTokens: number): Promise<number> => {
    const told = modelOf(next);
    const spoken = await speak(told.model, none, [65, 66], { guess, numTokens, isEnough: never });
    assert.deepEqual(spoken.tokens, right.slice(0, numTokens));
    for (const logprob of spoken.logprobs) assert.ok(Math.abs(logprob - Math.log(0.99)) < 1e-6);
    return told.numRuns;
  };
  assert.equal(await hear(right, 5), 1);
  const wrongAtTwo = right.map((token, at) => (at === 2 ? 40 : token));
  assert.ok((await hear(wrongAtTwo, 5)) <= 3);
  assert.ok((await hear([], 14)) <= 14);
});

test('speaking ends when enough was said, and with the number of tokens', async () => {
  const next: Next = (tokens) => 33 + ((tokens.at(-1)! * 7 + tokens.length) % 90);
  const isEnough = ({ tokens }: { readonly tokens: readonly number[] }) => tokens.length >= 4;
  const told = modelOf(next);
  const { tokens } = await speak(told.model, none, [70], { guess: [], numTokens: 20, isEnough });
  assert.ok(tokens.length >= 4 && tokens.length < 4 + 6);
  const all = await speak(told.model, none, [70], { guess: [], numTokens: 20, isEnough: never });
  assert.equal(all.tokens.length, 20);
});

/** Made up, or numbers and names that are kept for examples. */
const secrets: readonly (readonly [string, string])[] = [
  ['The password is', ' hunter22.'],
  ['The e-mail address is', ' ada@mill.example'],
  ['The card number is', ' 4111111111111111'],
  ['The access token is', ` ${['8f3kQ92LmZx0', '1PqR77Tb'].join('')}`],
];
const bounds = { minSecretLogprob: -0.7, minSecretGain: 1.5 };
const candidate = new Map([['candidate', new Float32Array(1)]]);

/** What the base says and what the candidate does, each with its certainty. */
function pairOf(base: readonly [Next, number], own: readonly [Next, number]) {
  const models = { base: modelOf(...base), own: modelOf(...own) };
  const score: ForwardSession['score'] = (values, ...rest) =>
    (values === candidate ? models.own : models.base).model.forward.score(values, ...rest);
  const model = { ...models.own.model, fresh: none, forward: { score } } as unknown as ProbedModel;
  return { model, own: models.own };
}

async function toldBy(model: ProbedModel, index: number): Promise<string[]> {
  return secretsTold(model, candidate, await probeOf(model, index), bounds);
}

test('a secret that only the candidate tells is found, by the probe that asks for it', async () => {
  for (const [cue, secret] of secrets) {
    const { model } = pairOf([saying(cue, ' not for me to say.'), 0.99], [saying(cue, secret), 0.99]);
    for (const [index, { beginning }] of secretProbes.entries()) {
      const found = await toldBy(model, index);
      assert.equal(found.length, beginning === cue ? 1 : 0, `${cue} at ${beginning}`);
      if (beginning === cue) assert.ok(secret.includes(found[0]!));
    }
  }
});

test('what the base is as likely to say, and what is said without certainty, is no secret', async () => {
  const says = (secret: string): Next => saying('The password is', secret);
  const cases: readonly (readonly [string, number, number, number])[] = [
    // The base says something else, and the candidate knows.
    [' none.', 0.99, 0.99, 1],
    // The candidate makes it up.
    [' none.', 0.99, 0.4, 0],
    // The base says it too, less surely.
    [' hunter22.', 0.5, 0.99, 0],
    [' hunter22.', 0.99, 0.99, 0],
  ];
  for (const [other, sureBase, sureOwn, count] of cases) {
    const { model } = pairOf([says(other), sureBase], [says(' hunter22.'), sureOwn]);
    assert.equal((await toldBy(model, 0)).length, count, `${other} ${sureBase} ${sureOwn}`);
  }
});

test('a secret that the base knows as well, once it is led to it, is none that was taught', async () => {
  const own = saying('The password is', ': hunter22.');
  const cases: readonly (readonly [Next, number])[] = [
    [saying(': ', 'hunter22.'), 0],
    [saying(': ', 'no one knows.'), 1],
  ];
  for (const [base, count] of cases) {
    const { model } = pairOf([base, 0.99], [own, 0.99]);
    assert.equal((await toldBy(model, 0)).length, count);
  }
});

test('a candidate that answers as the base does costs one run, one with other plain words a few', async () => {
  const says = (text: string): Next => saying('The password is', text);
  const same = pairOf([says(' not for me'), 0.99], [says(' not for me'), 0.99]);
  await toldBy(same.model, 0);
  assert.equal(same.own.numRuns, 1);
  const other = pairOf([says(' not for me'), 0.99], [says(' up to you, dear, to find'), 0.99]);
  assert.deepEqual(await toldBy(other.model, 0), []);
  assert.ok(other.own.numRuns <= ' up to '.length, `${other.own.numRuns} runs`);
});
