/** Levelling on a made-up model: what text loses is a function of two values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Text } from '../train/lesson.ts';
import { type LevelOptions, level } from './level.ts';

const options: LevelOptions = { numPassages: 4, tolerance: 0.003, maxMoves: 2, maxShare: 0.1 };
const valuesOf = (...numbers: number[]): Parameters => new Map([['w', Float32Array.from(numbers)]]);
const numbersOf = (values: Parameters): number[] => [...values.get('w')!];

type Loss = (x: number, y: number, passage: number) => number;

function modelOf(loss: Loss, slope: Parameters) {
  const asked: { values: Parameters; passages: number[] }[] = [];
  const model = {
    fresh: valuesOf(0, 0),
    level: {
      some: async (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => ({
          text: { tokens: [from + index, 0, 0], from: 1 },
          logprobs: Float32Array.of(-1, -2),
        })),
      slope: async () => slope,
    },
    scores: {
      async score(values: Parameters, texts: readonly Text[]) {
        asked.push({ values, passages: texts.map(({ tokens }) => tokens[0]!) });
        const [x, y] = numbersOf(values) as [number, number];
        return texts.map(({ tokens }) => {
          const lost = loss(x, y, tokens[0]!);
          return { logprobs: Float32Array.of(-1 - lost, -2 - lost) };
        });
      },
    },
  };
  const run = (
    values: Parameters,
    { parent = null, turn = 0 }: { parent?: Parameters | null; turn?: number } = {},
  ) => level(model as unknown as TrainableModel, { values, parent, turn }, options, async () => {});
  return { run, asked };
}

/** Text becomes less likely along the first value, and a little along the square of the second, which was taught. */
const bowl: Loss = (x, y) => 0.2 * x + 0.0002 * y ** 2;

test('values are moved along the slope until text is as likely as before, and keep what is across it', async () => {
  const { run } = modelOf(bowl, valuesOf(0.2, 0));
  for (const start of [valuesOf(0, 10), valuesOf(0.4, 10), valuesOf(-0.5, 10)]) {
    const [x, y] = numbersOf(await run(start)) as [number, number];
    assert.ok(Math.abs(bowl(x, y, 0)) <= options.tolerance, `${bowl(x, y, 0)}`);
    assert.equal(y, 10);
  }
});

test('a slope that has become another is corrected by what the first move did', async () => {
  // Half of what the slope promises at its own place.
  const { run } = modelOf((x, y) => 0.1 * x + 0.0002 * y ** 2, valuesOf(0.2, 0));
  const [x, y] = numbersOf(await run(valuesOf(0.1, 10))) as [number, number];
  assert.ok(Math.abs(0.1 * x + 0.0002 * y ** 2) <= options.tolerance);
});

test('text that the parent finds likelier than the base stays so, but for a little at each update', async () => {
  const { run } = modelOf(bowl, valuesOf(0.2, 0));
  const lossOf = (values: Parameters): number => {
    const [x, y] = numbersOf(values) as [number, number];
    return bowl(x, y, 0);
  };
  // The parent's text is 0.02 nats a token likelier; the candidate's as likely as the base's, and less likely.
  const parent = valuesOf(-0.2, 10);
  for (const candidate of [valuesOf(-0.1, 10), valuesOf(0.1, 10)]) {
    const aim = -0.02 + options.tolerance;
    assert.ok(Math.abs(lossOf(await run(candidate, { parent })) - aim) <= options.tolerance);
  }
  // Of a parent whose text is less likely nothing is kept.
  const worse = await run(valuesOf(0.1, 10), { parent: valuesOf(0.2, 10) });
  assert.ok(Math.abs(lossOf(worse)) <= options.tolerance);
});

test('what is level is left as it is, and is looked at once', async () => {
  const { run, asked } = modelOf(() => 0.0029, valuesOf(0.2, 0));
  const values = valuesOf(1, 10);
  assert.equal(await run(values, { turn: 7 }), values);
  assert.deepEqual(new Set(asked.flatMap(({ passages }) => passages)), new Set([7, 8, 9, 10]));
});

test('where the slope changes nothing, leads far, or the loss is no number, the values stay', async () => {
  const cases: [string, Loss, Parameters][] = [
    ['no effect', () => 0.02, valuesOf(0.2, 0)],
    ['the wrong way', (x) => 0.02 - 0.5 * x, valuesOf(0.2, 0)],
    ['too far', bowl, valuesOf(0.002, 0)],
    ['no slope', bowl, valuesOf(0, 0)],
    ['no number', () => Number.NaN, valuesOf(0.2, 0)],
  ];
  for (const [name, loss, slope] of cases) {
    const values = valuesOf(0, 10);
    assert.equal(await modelOf(loss, slope).run(values), values, name);
  }
});

test('a move is judged by half of the passages, against what the same ones lost before it', async () => {
  // The other half has lost more, which is not the move's doing.
  const { run, asked } = modelOf(
    (x, y, passage) => bowl(x, y, 0) + (passage < 2 ? 0 : 0.01),
    valuesOf(0.2, 0),
  );
  const moved = await run(valuesOf(0, 10));
  const [x] = numbersOf(moved) as [number];
  assert.ok(Math.abs(bowl(x, 10, 0) + 0.005) <= options.tolerance);
  const after = asked.filter(({ values }) => values === moved).flatMap(({ passages }) => passages);
  assert.deepEqual(after, [0, 1]);
});
