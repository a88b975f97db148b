/**
 * Clock 2: what an adapter has learned becomes part of the weights, off the serving path. The result is a new base version
 * beside the one before, on which learning begins anew; who serves it, and when, is decided elsewhere.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImportProgress } from '../../core/import/import.ts';
import { sweepUnfinished } from '../../core/registry/base-versions.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import type { Example } from '../examples/example.ts';
import { type BaseGateOptions, baseGateDefaults } from './base-gate.ts';
import type { Built, Job } from './job.ts';
import { retainNewest } from './retain.ts';
import { type RunOptions, runJob } from './run-job.ts';

export interface ConsolidateOptions extends Partial<RunOptions> {
  readonly modelsDir: string;
  /** Name that clients use. */
  readonly model: string;
  /** Adapter versions, merged in this order: all of one tenant, on one base version, none an ancestor of another. */
  readonly adapters: readonly string[];
  readonly layout: Pick<LearningLayout, 'adapters' | 'aliases' | 'trainer'>;
  /** What was taught: what of it was right has to be right afterwards. */
  readonly examples: readonly Example[];
  readonly threads: number;
  readonly now: Date;
  readonly gate?: Partial<BaseGateOptions>;
  /** As of nice(1): 0 to 19, the politest. */
  readonly niceness?: number;
  /** Consolidated versions of the model that stay on the disk; 1 or more. */
  readonly numKept?: number;
}

export interface Consolidated extends Built {
  /** Versions that made place. */
  readonly removed: readonly string[];
}

const hourMs = 3_600_000;
const scratchOf = ({ trainer }: Pick<LearningLayout, 'trainer'>): string => join(trainer, 'consolidation');

/**
 * Publishes nothing where the gate does not pass: version and folder are null then. One at a time for a models folder.
 * Killed at any moment, it leaves no half version behind that anybody could see, and calling it again begins anew.
 * Throws invalid_argument, version_not_found, version_invalid, checkpoint_invalid, and an Error when its process dies.
 */
export async function consolidate(options: ConsolidateOptions): Promise<Consolidated> {
  const { modelsDir, model, layout, numKept = 3, niceness = 10, timeoutMs = hourMs } = options;
  const { onProgress = (_: ImportProgress) => {} } = options;
  await sweepConsolidation(options);
  await mkdir(scratchOf(layout), { recursive: true });
  const message = { kind: 'build', job: jobOf(options), niceness } as const;
  const built = await runJob(message, { ...options, onProgress, timeoutMs }).finally(() =>
    sweepConsolidation(options),
  );
  if (built.version === null) return { ...built, removed: [] };
  const { aliases, adapters } = layout;
  const current = built.version;
  return {
    ...built,
    removed: await retainNewest({ modelsDir, model, aliases, adapters, numKept, current }),
  };
}

/** Removes what a consolidation that was killed has left. To be called when none is running. */
export async function sweepConsolidation(
  options: Pick<ConsolidateOptions, 'modelsDir' | 'layout'>,
): Promise<void> {
  await sweepUnfinished(options.modelsDir);
  await rm(scratchOf(options.layout), { recursive: true, force: true });
}

function jobOf(options: ConsolidateOptions): Job {
  const { modelsDir, model, adapters, layout, examples, threads, now } = options;
  const gate = { ...baseGateDefaults, ...options.gate };
  return {
    modelsDir,
    model,
    adapters,
    adapterFolder: layout.adapters,
    scratch: scratchOf(layout),
    examples: examples.slice(0, gate.maxExamples),
    threads,
    gate,
    nowMs: now.getTime(),
  };
}
