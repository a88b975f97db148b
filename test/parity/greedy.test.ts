import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { systemClock } from '../../core/clock.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import type { SequenceEvent } from '../../server/batching/request.ts';
import { StepLoop } from '../../server/batching/step-loop.ts';
import { createStepEngine } from '../../server/models/onnxruntime/step-engine.ts';
import { fixturePath } from '../root.ts';
import { specOf } from '../specs.ts';
import { Scratch } from './imported.ts';
import { realCheckpoint } from './real-model.ts';

interface Case {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly continuation: readonly number[];
  readonly gap: number;
}

/** From greedy.py beside this file. */
const cases = JSON.parse(readFileSync(fixturePath('greedy.json'), 'utf8')) as readonly Case[];
const [numSlots, maxContext, maxLogitRows] = [8, 128, 8];

const limits = {
  cacheTokens: numSlots * maxContext,
  maxChunkTokens: 16,
  minChunkTokens: 4,
  maxLogitRows,
  maxStretch: 1.4,
  ageingMs: 10_000,
  maxWaiting: 100,
  prefixBlockTokens: 16,
  prefixCacheBytes: 0,
};

test('the default model in fp32 says what Transformers says, twenty prompts side by side', async (context) => {
  const path = realCheckpoint();
  if (!existsSync(path)) return context.skip('the model is not here; "npm run pull" fetches it');
  const scratch = new Scratch();
  try {
    const checkpoint = await openCheckpoint(path);
    const tokenizer = loadTokenizer(checkpoint.tokenizer);
    const options = { addSpecialTokens: false, allowSpecial: false };
    for (const { prompt, ids } of cases) assert.deepEqual(tokenizer.encode(prompt, options), ids);
    const folder = await scratch.import(checkpoint, 'fp32');
    const engine = await createStepEngine({
      folder,
      numSlots,
      maxContext,
      threads: 2,
      maxLogitRows,
      sharedThreads: null,
      maxAdapterRows: 0,
    });
    const texts = cases.map((): number[] => []);
    const emit = (event: SequenceEvent): void => {
      if (event.kind === 'token') texts[Number(event.id)]!.push(event.token);
    };
    const loop = new StepLoop({ engine, clock: systemClock, limits, emit });
    cases.forEach(({ ids, continuation }, index) => {
      loop.submit(specOf(String(index), { promptTokens: ids, maxTokens: continuation.length }));
    });
    while (!loop.isIdle) await loop.runStep();
    await engine.close();
    for (const [index, { prompt, continuation, gap }] of cases.entries()) {
      assert.deepEqual(texts[index], continuation, `${prompt} (least gap ${gap})`);
    }
  } finally {
    scratch.remove();
  }
});
