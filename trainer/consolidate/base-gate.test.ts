/** The gate on made-up scores, whose verdicts follow from the bounds by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BaseGateOptions, type BaseMeasurements, baseGateDefaults, judgeBase } from './base-gate.ts';
import type { Scores } from './score-texts.ts';

const options: BaseGateOptions = {
  ...baseGateDefaults,
  maxDrift: 0.01,
  maxLostShare: 0.25,
  maxTaughtLoss: 0.2,
};

/** Ten tokens of one log probability, which are the likeliest unless something likelier is given. */
function scores(logprob: number, best = logprob): Scores {
  return { logprobs: new Float32Array(10).fill(logprob), best: new Float32Array(10).fill(best) };
}

const rejected = scores(-3);
const same: BaseMeasurements = {
  now: {
    passages: [scores(-2, -1), scores(-3, -1)],
    canaries: [scores(-1)],
    taught: [[scores(-0.1)], [scores(-0.1)], [scores(-0.1)], [scores(-1), rejected]],
  },
  before: {
    passages: [scores(-2, -1), scores(-3, -1)],
    canaries: [scores(-1)],
    taught: [[scores(-0.1)], [scores(-0.1)], [scores(-0.1)], [scores(-1), rejected]],
  },
  imported: [scores(-2, -1), scores(-3, -1)],
};

const changed = (now: Partial<BaseMeasurements['now']>): BaseMeasurements => ({
  ...same,
  now: { ...same.now, ...now },
});

const cases: Readonly<Record<string, readonly [BaseMeasurements, string, readonly string[]]>> = {
  'nothing changed': [same, 'pass', []],
  'passages have become likelier': [changed({ passages: [scores(-1), scores(-2)] }), 'pass', []],
  'perplexity is 0.5 % up': [changed({ passages: [scores(-2.005), scores(-3.005)] }), 'pass', []],
  'perplexity is 5 % up': [
    changed({ passages: [scores(-2.05), scores(-3.05)] }),
    'fail',
    ['perplexity over the served version'],
  ],
  // One text 12 % up and the other 9 % down: 1.5 % up in the mean, and a standard error of 2.4 %.
  'perplexity is up by less than can be told': [
    changed({ passages: [scores(-2.12), scores(-2.91)] }),
    'inconclusive',
    [],
  ],
  'one step of many away from the imported version': [
    { ...same, imported: [scores(-1.8), scores(-2.8)] },
    'fail',
    ['perplexity over the imported version'],
  ],
  'one of three right answers and a pair is lost': [
    changed({ taught: [[scores(-0.1, -0.09)], ...same.now.taught.slice(1)] }),
    'pass',
    [],
  ],
  'two of the four are lost, the pair among them': [
    changed({
      taught: [[scores(-0.1, -0.09)], ...same.now.taught.slice(1, 3), [scores(-1), scores(-0.9)]],
    }),
    'fail',
    ['taught answers are kept'],
  ],
  'right answers are far less likely': [
    changed({ taught: same.now.taught.map(([, ...others]) => [scores(-2), ...others]) }),
    'fail',
    ['taught answers are as likely'],
  ],
  'canaries sing another song': [
    changed({ canaries: [scores(-1.5)] }),
    'fail',
    ['canaries answer as before'],
  ],
  'a number that is none': [changed({ canaries: [scores(Number.NaN)] }), 'fail', ['finite']],
};

for (const [what, [measured, verdict, failed]] of Object.entries(cases)) {
  test(`${what}: ${verdict}`, () => {
    const gate = judgeBase(measured, options);
    const names = gate.checks.filter((check) => check.verdict === 'fail').map(({ name }) => name);
    assert.deepEqual([gate.verdict, names], [verdict, failed], JSON.stringify(gate.checks));
  });
}

test('what was wrong before may stay wrong, and what there is nothing of is not judged', () => {
  const wrong = [[scores(-2, -1)]];
  const nothing = { ...same.now, canaries: [], taught: wrong };
  const gate = judgeBase({ now: nothing, before: nothing, imported: null }, options);
  assert.deepEqual(
    gate.checks.map(({ name, verdict, value }) => [name, verdict, value]),
    [
      ['finite', 'pass', null],
      ['perplexity over the served version', 'pass', 0],
      ['taught answers are kept', 'pass', 0],
      ['taught answers are as likely', 'pass', 0],
    ],
  );
});
