import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MillraceError } from '../../core/errors.ts';
import { DynamicBatcher } from './dynamic-batcher.ts';

const limits = { minSize: 4, maxSize: 32, targetMs: 50, maxWaiting: 8 };
/** Batches take no time, so that their sizes do not depend on the machine. */
const clock = { nowMs: () => 0 };
const lengthOf = (tokens: readonly number[]): number => tokens.length;
const vectorOf = (tokens: readonly number[]): Float32Array => Float32Array.of(tokens[0]!);

/** A run that ends when it is let go, and keeps what it was given. */
function gated() {
  const batches: number[][] = [];
  let open = (): void => {};
  return {
    batches,
    open: () => open(),
    run: async (inputs: readonly (readonly number[])[]) => {
      batches.push(inputs.map((tokens) => tokens[0]!));
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      return inputs.map(vectorOf);
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what arrives while a batch runs forms the next one, and each caller gets its own vectors in order', async () => {
  const engine = gated();
  const batcher = new DynamicBatcher({ clock, limits, lengthOf, run: engine.run });
  const first = batcher.submit([[1], [2]], {});
  await turn();
  const [second, third] = [batcher.submit([[3]], {}), batcher.submit([[4], [5]], {})];
  engine.open();
  await turn();
  engine.open();
  assert.deepEqual(await first, [Float32Array.of(1), Float32Array.of(2)]);
  assert.deepEqual(
    [await second, await third],
    [[Float32Array.of(3)], [Float32Array.of(4), Float32Array.of(5)]],
  );
  assert.deepEqual(engine.batches, [
    [1, 2],
    [3, 4, 5],
  ]);
});

test('an aborted request leaves the queue and is never computed', async () => {
  const engine = gated();
  const batcher = new DynamicBatcher({ clock, limits, lengthOf, run: engine.run });
  const first = batcher.submit([[1]], {});
  await turn();
  const ended = new AbortController();
  const left = batcher.submit([[2]], { signal: ended.signal });
  ended.abort(new Error('left'));
  await assert.rejects(left, /left/);
  engine.open();
  await first;
  await turn();
  assert.deepEqual(engine.batches, [[1]]);
  assert.equal(batcher.numWaiting, 0);
});

test('a full queue refuses with a time to retry; a failing batch fails its own items only', async () => {
  const engine = gated();
  let isBroken = false;
  const run = (inputs: readonly (readonly number[])[]) =>
    isBroken ? Promise.reject(new Error('broken')) : engine.run(inputs);
  const batcher = new DynamicBatcher({ clock, limits, lengthOf, run });
  const first = batcher.submit([[1]], {});
  await turn();
  const many = batcher.submit(
    Array.from({ length: limits.maxWaiting }, () => [2]),
    {},
  );
  await assert.rejects(batcher.submit([[3]], {}), (error: MillraceError) => {
    return error.code === 'queue_full' && Number(error.details.retryAfterMs) >= 100;
  });
  isBroken = true;
  engine.open();
  await first;
  await assert.rejects(many, /broken/);
  // Its items may have been several batches: all have failed by the next turn.
  await turn();
  isBroken = false;
  const again = batcher.submit([[4]], {});
  await turn();
  engine.open();
  assert.deepEqual(await again, [Float32Array.of(4)]);
});
