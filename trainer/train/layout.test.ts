/** Texts in one run, where they share their beginning, and in several give what they give alone, in values and in gradients. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loraTargets } from '../../core/adapter/lora.ts';
import { createRng } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { maxDifference, openFixture } from '../../test/parity/imported.ts';
import { openBaseWeights } from './base-weights.ts';
import { openForwardSession } from './forward-session.ts';
import { openGradientSession } from './gradient-session.ts';
import { packedTokens } from './groups.ts';
import { initialLora } from './init.ts';
import { Layout } from './layout.ts';
import type { Lesson, Text } from './lesson.ts';
import { openTrunkSession } from './trunk-session.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-layout-'));
after(() => rmSync(scratch, { recursive: true }));
const rng = createRng(4);
const draw = (length: number): number[] => Array.from({ length }, () => 3 + Math.floor(90 * rng.next()));
const beginning = draw(11);
const texts: readonly Text[] = [
  { tokens: draw(9), from: 3 },
  { tokens: [...beginning, ...draw(6)], from: 12 },
  { tokens: [...beginning, ...draw(3)], from: 11 },
  { tokens: draw(5), from: 1 },
  { tokens: [...beginning, ...draw(8)], from: 15 },
];

/** More than a run takes. */
const many = [...texts, ...texts, ...texts];

test('a shared beginning stands there once', () => {
  const layout = new Layout(texts, { slidingWindow: null } as never);
  assert.equal(layout.numTokens, 9 + 11 + 6 + 3 + 5 + 8);
  assert.equal(layout.rowOf(1, 10), layout.rowOf(4, 10));
  const rows = texts.flatMap(({ tokens }, text) => tokens.map((_, token) => layout.rowOf(text, token)));
  assert.equal(new Set(rows).size, layout.numTokens);
});

// Mistral's window of 8 ends inside the shared beginning.
for (const family of ['smollm2', 'mistral'] as const) {
  for (const firstLayer of [0, 1]) {
    test(`${family} from layer ${firstLayer}: together as alone`, async () => {
      const base = await openBaseWeights(join(scratch, family), () => openFixture(family));
      const shape = { rank: 4, alpha: 8, firstLayer, targets: loraTargets };
      const open = createOpenGraph({ threads: 1 });
      const forward = await openForwardSession(base, shape, open);
      const session = await openGradientSession(base, { kind: 'lora', ...shape }, open);
      const values = initialLora(base.config, shape, 3);
      for (const [name, factor] of values) if (name.endsWith('.b')) factor.fill(0.05);

      const trunk = await openTrunkSession(base, firstLayer, open);
      assert.ok(many.reduce((sum, { tokens }) => sum + tokens.length, 0) > packedTokens(base.config));
      const prepared = await trunk.prepare(many);
      const scores = await forward.score(values, prepared);
      for (const [index, text] of many.entries()) {
        const [alone] = await trunk.prepare([text]);
        assert.equal(alone!.residual === undefined, firstLayer === 0);
        if (firstLayer > 0) assert.ok(maxDifference(prepared[index]!.residual!, alone!.residual!) < 1e-5);
        const [score] = await forward.score(values, [alone!]);
        assert.ok(maxDifference(scores[index]!.logprobs, score!.logprobs) < 1e-4);
        assert.ok(scores[index]!.best.every((best, at) => best >= scores[index]!.logprobs[at]!));
      }

      const lessons = prepared.map((text): Lesson => ({ kind: 'answer', text, weight: 0.2 }));
      const together = await session.step(values, lessons);
      const sums = new Map([...values].map(([name, value]) => [name, new Float32Array(value.length)]));
      let loss = 0;
      for (const lesson of lessons) {
        const alone = await session.step(values, [lesson]);
        loss += alone.loss;
        for (const [name, gradient] of alone.gradients) {
          gradient.forEach((value, at) => {
            sums.get(name)![at]! += value;
          });
        }
      }
      assert.ok(Math.abs(together.loss - loss) < 1e-5 * loss);
      for (const [name, gradient] of together.gradients) {
        assert.ok(maxDifference(gradient, sums.get(name)!) < 1e-5, name);
      }
      await Promise.all([forward.close(), session.close(), trunk.close()]);
    });
  }
}
