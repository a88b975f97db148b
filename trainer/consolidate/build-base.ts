/**
 * One consolidation: adapters merged into the weights in full precision, imported as their base was, held to the gate,
 * published beside it. Takes the memory of an import, so that it runs in a process of its own.
 */
import { join } from 'node:path';
import type { ImportProgress } from '../../core/import/import.ts';
import { publishBaseVersion } from '../../core/registry/base-versions.ts';
import type { Gate } from '../../core/registry/gate-record.ts';
import { baseFolderName, type Lineage } from '../../core/registry/manifest.ts';
import { openVersion } from '../../core/registry/open-version.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { judgeBase } from './base-gate.ts';
import { type Consolidation, importMerged } from './import-merged.ts';
import type { Built, Job } from './job.ts';
import { measureBase } from './measure-base.ts';
import { readAdapters } from './read-adapters.ts';

/** Throws what reading, importing and publishing throw. */
export async function buildBase(job: Job, onProgress: (progress: ImportProgress) => void): Promise<Built> {
  const { modelsDir, model, scratch } = job;
  const adapters = await readAdapters(job.adapterFolder, job.adapters, model);
  const base = await openVersion(modelsDir, model, adapters[0]!.manifest.base);
  const open = createOpenGraph({ threads: job.threads });
  const consolidation: Consolidation = { base, adapters, open, scratch, onProgress };
  let gate: Gate | null = null;
  const manifest = await publishBaseVersion({
    modelsDir,
    name: model,
    now: () => new Date(job.nowMs),
    write: async (folder) => {
      await importMerged(consolidation, folder);
      gate = judgeBase(await measureBase(consolidation, folder, job), job.gate);
      return gate.verdict === 'pass' ? lineageOf(consolidation, gate) : null;
    },
  });
  const version = manifest?.version ?? null;
  const folder = version === null ? null : join(modelsDir, baseFolderName(model, version));
  return { version, folder, gate: gate! };
}

function lineageOf({ base, adapters }: Consolidation, gate: Gate): Lineage {
  const { source, kind, architecture, quantization } = base.manifest;
  const added = adapters.map(({ manifest }) => ({ adapter: manifest.id, tenant: manifest.tenant }));
  const merged = [...(source.merged ?? []), ...added];
  return { source: { ...source, merged }, kind, architecture, quantization, gate };
}
