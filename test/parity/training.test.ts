/** Losses and gradients of the training graph against PyTorch's, for every family and every objective. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loraTargets, type Parameter } from '../../core/adapter/lora.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { openBaseWeights } from '../../trainer/train/base-weights.ts';
import { openGradientSession, type Parameters, type Trained } from '../../trainer/train/gradient-session.ts';
import type { Lesson } from '../../trainer/train/lesson.ts';
import { fixturePath } from '../root.ts';
import { families } from './imported.ts';
import { realCheckpoint } from './real-model.ts';

interface Golden {
  readonly temperature: number;
  readonly lessons: Readonly<Record<string, readonly Lesson[]>>;
  readonly cases: readonly {
    readonly trained: 'full' | 'lora';
    readonly batch: string;
    readonly parts: Readonly<Record<string, number>>;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  }[];
}

const scratch = mkdtempSync(join(tmpdir(), 'millrace-training-'));
after(() => rmSync(scratch, { recursive: true }));
const tolerance = 1e-4;
const lora: Trained = { kind: 'lora', rank: 4, alpha: 8, firstLayer: 0, targets: loraTargets };

const readJson = <T>(name: string): T => JSON.parse(readFileSync(fixturePath(name), 'utf8')) as T;
const sizeOf = ({ dims }: Parameter): number => dims.reduce((product, dim) => product * dim, 1);

/** As in training.py. */
function factorValues(parameters: readonly Parameter[]): Map<string, Float32Array> {
  return new Map(
    parameters.map((parameter, index) => {
      const wave = (_: unknown, at: number): number => 0.1 * Math.sin(0.7 * at + index);
      return [parameter.name, Float32Array.from({ length: sizeOf(parameter) }, wave)];
    }),
  );
}

/** Goldens leave the teacher's logits out: they are a wave. */
function withTeacher(lesson: Lesson, vocabSize: number): Lesson {
  if (lesson.kind !== 'teacher') return lesson;
  const wave = (_: unknown, at: number): number => 3 * Math.sin(0.11 * at);
  return { ...lesson, logits: Float32Array.from({ length: lesson.rows.length * vocabSize }, wave) };
}

/** Norm, and products with three waves. */
function summaryOf(gradient: Float32Array): number[] {
  const along = (number: number): number =>
    gradient.reduce((sum, value, at) => sum + value * Math.sin(0.37 * (number + 1) * at + number), 0);
  return [Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)), along(0), along(1), along(2)];
}

function assertGradients(gradients: Parameters, golden: Readonly<Record<string, readonly number[]>>): void {
  assert.deepEqual([...gradients.keys()].sort(), Object.keys(golden).sort());
  for (const [name, gradient] of gradients) {
    const wanted = golden[name]!;
    // A product with a wave adds up as many terms as there are elements: its error grows with the root of their number.
    const allowed = tolerance * Math.max(wanted[0]!, 1e-6);
    summaryOf(gradient).forEach((value, index) => {
      const error = Math.abs(value - wanted[index]!);
      assert.ok(error <= allowed, `${name}: ${value} for ${wanted[index]}, norm ${wanted[0]}`);
    });
  }
}

const goldens = readJson<Record<string, Golden>>('training.json');

for (const family of families) {
  const { cases, lessons, temperature } = goldens[family]!;
  for (const { trained, batch, parts, gradients } of cases) {
    test(`${family}, ${trained}, ${batch}: loss and gradients are PyTorch's`, async () => {
      const folder = fixturePath(`decoders/${family}`);
      const base = await openBaseWeights(join(scratch, family), () => openCheckpoint(folder));
      const what: Trained = trained === 'full' ? { kind: 'full' } : lora;
      const session = await openGradientSession(base, what, createOpenGraph({ threads: 1 }));
      const values =
        trained === 'full' ? readWeights(base.folder, base.weights) : factorValues(session.parameters);
      const taught = lessons[batch]!.map((lesson) => withTeacher(lesson, base.config.vocabSize));
      const step = await session.step(values, taught, temperature);
      for (const [part, value] of Object.entries(parts)) {
        const got = step.parts[part as keyof typeof step.parts];
        assert.ok(Math.abs(got - value) < tolerance * Math.max(1, value), `${part}: ${got} for ${value}`);
      }
      const total = Object.values(parts).reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(step.loss - total) < tolerance * Math.max(1, total));
      assertGradients(step.gradients, gradients);
      await session.close();
    });
  }
}

/** Every weight by name, out of the file that the graph would otherwise map. */
function readWeights(folder: string, weights: object): Map<string, Float32Array> {
  const bytes = readFileSync(join(folder, 'weights.bin'));
  const values = new Map<string, Float32Array>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { name, offset, length } = value as { name?: string; offset?: number; length?: number };
    if (name === undefined || offset === undefined || length === undefined) {
      for (const each of Object.values(value)) visit(each);
      return;
    }
    values.set(
      name,
      new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + length)),
    );
  };
  visit(weights);
  return values;
}

test('one step on the default model, adapters on all linears, has the loss and gradients of PyTorch', async (context) => {
  const path = realCheckpoint();
  if (!existsSync(path)) return context.skip('the model is not here; "npm run pull" fetches it');
  const golden = readJson<Golden['cases'][number] & { lessons: readonly Lesson[] }>('training-real.json');
  const base = await openBaseWeights(join(scratch, 'real'), () => openCheckpoint(path));
  const session = await openGradientSession(base, lora, createOpenGraph({ threads: 2 }));
  const step = await session.step(factorValues(session.parameters), golden.lessons);
  assert.ok(Math.abs(step.loss - golden.parts.ce!) < tolerance * golden.parts.ce!);
  assertGradients(step.gradients, golden.gradients);
  await session.close();
});
