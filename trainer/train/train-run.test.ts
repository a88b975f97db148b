/** Runs on a tiny real model: they learn, are the same under a seed, and go on after an interruption as if there was none. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loraTargets } from '../../core/adapter/lora.ts';
import { createRng } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { openFixture } from '../../test/parity/imported.ts';
import { adamWDefaults } from './adamw.ts';
import { openBaseWeights } from './base-weights.ts';
import { type GradientSession, openGradientSession } from './gradient-session.ts';
import { initialLora } from './init.ts';
import type { Lesson } from './lesson.ts';
import { loadState, saveState } from './state-file.ts';
import { type LessonsOf, type StepReport, type TrainOptions, TrainRun } from './train-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-train-'));
after(() => rmSync(scratch, { recursive: true }));
const shape = { rank: 4, alpha: 8, firstLayer: 0, targets: loraTargets };
const numSteps = 12;
const options: TrainOptions = {
  numSteps,
  learningRate: 0.01,
  schedule: 'cosine',
  optimizer: adamWDefaults,
  emaDecay: 0.8,
  temperature: 1,
};

const base = await openBaseWeights(join(scratch, 'base'), () => openFixture('smollm2'));
const open = (): Promise<GradientSession> =>
  openGradientSession(base, { kind: 'lora', ...shape }, createOpenGraph({ threads: 1 }));
const start = () => ({ values: initialLora(base.config, shape, 5) });

/** Two micro-batches of drawn texts, always the same for a step. */
const lessonsOf: LessonsOf = async (step) => {
  const rng = createRng(step % 3);
  const text = () => ({ tokens: Array.from({ length: 12 }, () => 3 + Math.floor(90 * rng.next())), from: 4 });
  const lesson = (): Lesson => ({ kind: 'answer', text: text(), weight: 0.5 });
  return [[lesson()], [lesson()]];
};

async function go(run: TrainRun, until: number): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  while (run.numDone < until) reports.push(await run.step(await lessonsOf(run.numDone)));
  return reports;
}

test('a run learns what it is taught, and the same seed gives the same losses to the last bit', async () => {
  const session = await open();
  const long = { ...options, numSteps: 60 };
  const reports = await go(new TrainRun(session, long, start()), 60);
  assert.ok(reports.at(-1)!.loss < 0.3 * reports[0]!.loss, `${reports[0]!.loss} → ${reports.at(-1)!.loss}`);
  assert.deepEqual(await go(new TrainRun(session, long, start()), 60), reports);
  await session.close();
});

test('a run that was interrupted after any step goes on with the same losses and ends with the same values', async () => {
  const session = await open();
  const whole = new TrainRun(session, options, start());
  const reports = await go(whole, numSteps);
  for (const cut of [1, 5, 11]) {
    const path = join(scratch, `state-${cut}`);
    const first = new TrainRun(session, options, start());
    const before = await go(first, cut);
    await saveState(path, first.state);
    // A process that dies while it saves leaves this behind.
    writeFileSync(`${path}.writing`, 'half');
    const second = new TrainRun(session, options, (await loadState(path))!);
    assert.deepEqual([...before, ...(await go(second, numSteps))], reports);
    assert.deepEqual(second.state, whole.state);
  }
  await session.close();
});

test('gradients of micro-batches add up to those of the whole batch', async () => {
  const session = await open();
  const batches = await lessonsOf(1);
  const apart = await new TrainRun(session, options, start()).step(batches);
  const together = await new TrainRun(session, options, start()).step([batches.flat()]);
  assert.ok(Math.abs(apart.loss - together.loss) < 1e-5 * together.loss);
  assert.ok(Math.abs(apart.gradientNorm - together.gradientNorm) < 1e-4 * together.gradientNorm);
  await session.close();
});

test('what was never saved is told apart from what cannot be read', async () => {
  assert.equal(await loadState(join(scratch, 'absent')), null);
  writeFileSync(join(scratch, 'broken'), 'this is no state at all');
  await assert.rejects(loadState(join(scratch, 'broken')), /cannot be read/);
});
