/** A fixture checkpoint, imported into a scratch folder, for tests that compare with Transformers. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { importCheckpoint } from '../../core/import/import.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { fixturePath } from '../root.ts';

export const families = ['smollm2', 'tinyllama', 'llama3', 'mistral', 'qwen2', 'qwen3'] as const;
export type Family = (typeof families)[number];

/** Written by decoders.py. */
export interface Golden {
  readonly ids: readonly number[];
  /** Positions whose logits were kept. */
  readonly rows: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

export function readGolden(family: Family): Golden {
  return JSON.parse(readFileSync(fixturePath(`decoders/${family}/golden.json`), 'utf8')) as Golden;
}

export const openFixture = (family: Family): Promise<Checkpoint> =>
  openCheckpoint(fixturePath(`decoders/${family}`));

export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-parity-'));
  private count = 0;

  /** The version's folder. Closes the checkpoint. */
  async import(checkpoint: Checkpoint, quantization: Quantization): Promise<string> {
    const folder = this.folder();
    const tokens = Array.from({ length: 64 }, (_, index) => 3 + ((index * 37) % 90));
    const calibration = { open: createOpenGraph({ threads: 1 }), tokens, scratch: this.folder() };
    await importCheckpoint({ checkpoint, folder, quantization, calibration });
    await checkpoint.close();
    return folder;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  private folder(): string {
    const path = join(this.path, String(this.count++));
    mkdirSync(path);
    return path;
  }
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Number.NaN;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}
