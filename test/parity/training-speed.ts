/**
 * How long a train step takes beside one of PyTorch with PEFT: the same model, tokens, adapters and threads, in turn.
 * Run: node dist/test/parity/training-speed.js <python with torch, transformers, peft and gguf> [threads] [rounds]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loraTargets } from '../../core/adapter/lora.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { learnDefaults } from '../../trainer/learn/learn-options.ts';
import { AdamW } from '../../trainer/train/adamw.ts';
import { type BaseWeights, openBaseWeights } from '../../trainer/train/base-weights.ts';
import { type GradientSession, openGradientSession } from '../../trainer/train/gradient-session.ts';
import { initialLora } from '../../trainer/train/init.ts';
import type { Text } from '../../trainer/train/lesson.ts';
import { repoRoot } from '../root.ts';
import { realCheckpoint } from './real-model.ts';

const shape = { rank: 8, alpha: 16, firstLayer: 0, targets: loraTargets };
const stepsPerRound = 3;
const answerMs = 120_000;
const startMs = 300_000;

/** Lengths of the texts of a step; half of each is the answer. */
const cases = [[73], [146], [219], [40, 60, 80]];

interface Timed {
  /** Of each step. */
  readonly ms: readonly number[];
  /** Of the first step, which the two must agree on. */
  readonly loss: number;
}

type Run = (texts: readonly Text[], steps: number) => Promise<Timed>;

const textsOf = (lengths: readonly number[]): Text[] =>
  lengths.map((length, text) => ({
    tokens: Array.from({ length }, (_, index) => 1_000 + ((text * 977 + index * 313) % 40_000)),
    from: length >> 1,
  }));

const runOurs =
  (base: BaseWeights, session: GradientSession): Run =>
  async (texts, steps) => {
    const values = initialLora(base.config, shape, 1);
    const optimizer = new AdamW(learnDefaults.optimizer);
    const lessons = texts.map((text) => ({ kind: 'answer' as const, text, weight: 1 / texts.length }));
    const ms: number[] = [];
    let first: number | null = null;
    for (let step = 0; step < steps; step++) {
      const startedMs = performance.now();
      const { loss, gradients } = await session.step(values, lessons);
      optimizer.step(values, gradients, learnDefaults.learningRate);
      ms.push(performance.now() - startedMs);
      first ??= loss;
    }
    return { ms, loss: first! };
  };

async function startTheirs(python: string, threads: number): Promise<{ run: Run; close(): void }> {
  const script = join(repoRoot, 'test', 'parity', 'training-speed.py');
  // Isolated: beside the script lies a statistics.py, which would be taken for Python's own.
  const child = spawn(python, ['-I', script, realCheckpoint(), String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (maxMs: number): Promise<string> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), maxMs);
    const { value, done } = await lines.next().finally(() => clearTimeout(timer));
    if (done === true) throw new Error(`${python} has ended, or did not answer within ${maxMs} ms`);
    return value;
  };
  process.stdout.write(`${await next(startMs)}\n`);
  return {
    async run(texts, steps) {
      child.stdin.write(`${JSON.stringify({ texts, steps })}\n`);
      return JSON.parse(await next(answerMs)) as Timed;
    },
    close: () => void child.kill(),
  };
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function compare(lengths: readonly number[], rounds: number, ours: Run, theirs: Run): Promise<string> {
  const texts = textsOf(lengths);
  const [mine, other] = [await ours(texts, 1), await theirs(texts, 1)];
  if (Math.abs(mine.loss - other.loss) > 1e-3 * other.loss)
    throw new Error(`the losses differ: ${mine.loss} and ${other.loss}; the two do not compute the same`);
  const medians: { readonly ours: number; readonly theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const { ms } = await ours(texts, stepsPerRound);
    medians.push({ ours: middle(ms), theirs: middle((await theirs(texts, stepsPerRound)).ms) });
  }
  const ms = (of: 'ours' | 'theirs'): string => `${middle(medians.map((round) => round[of])).toFixed(0)} ms`;
  const ratios = medians.map((round) => round.theirs / round.ours);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2));
  const ratio = `${middle(ratios).toFixed(2)} times as long (${least} to ${most})`;
  return `${lengths.join('+')} tokens: ours ${ms('ours')}, PyTorch with PEFT ${ms('theirs')}: ${ratio}`;
}

async function main(python: string, threads: number, rounds: number): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-speed-'));
  const theirs = await startTheirs(python, threads);
  try {
    const base = await openBaseWeights(join(scratch, 'base'), () => openCheckpoint(realCheckpoint()));
    const lora = { kind: 'lora' as const, ...shape };
    const session = await openGradientSession(base, lora, createOpenGraph({ threads }));
    process.stdout.write(
      `${threads} threads, medians of ${rounds} rounds of ${stepsPerRound} steps in turn\n`,
    );
    for (const lengths of cases)
      process.stdout.write(`${await compare(lengths, rounds, runOurs(base, session), theirs.run)}\n`);
    await session.close();
  } finally {
    theirs.close();
    rmSync(scratch, { recursive: true });
  }
}

const [python, threads = String(availableParallelism()), rounds = '7'] = process.argv.slice(2);
if (python === undefined) {
  process.stderr.write('usage: node dist/test/parity/training-speed.js <python> [threads] [rounds]\n');
  process.exit(2);
}
await main(python, Number(threads), Number(rounds));
