/** The adapters that a consolidation merges, read and checked: whole, of this model, on one base, of one tenant. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PeftFiles, peftFiles } from '../../core/adapter/peft.ts';
import { servedFile } from '../../core/adapter/served.ts';
import { MillraceError } from '../../core/errors.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { chainOf } from '../../core/registry/lineage.ts';

export interface AdapterToMerge {
  readonly folder: string;
  readonly manifest: AdapterManifest;
  readonly peft: PeftFiles;
  /** As it is served on its base. */
  readonly served: Uint8Array;
}

/** Throws invalid_argument for adapters that do not go together, and what opening an adapter throws. */
export async function readAdapters(
  adapterFolder: string,
  ids: readonly string[],
  model: string,
): Promise<AdapterToMerge[]> {
  const adapters: AdapterToMerge[] = [];
  for (const id of ids) {
    const folder = join(adapterFolder, id);
    const manifest = await openAdapter(adapterFolder, id);
    const read = (file: string): Promise<Uint8Array> => readFile(join(folder, file));
    const peft = { config: await read(peftFiles.config), weights: await read(peftFiles.weights) };
    adapters.push({ folder, manifest, peft, served: await read(servedFile) });
  }
  checkTogether(
    adapters.map(({ manifest }) => manifest),
    model,
  );
  await checkApart(adapterFolder, ids);
  return adapters;
}

function refuse(message: string): never {
  throw new MillraceError('invalid_argument', { message });
}

function checkTogether(manifests: readonly AdapterManifest[], model: string): void {
  const first = manifests[0] ?? refuse('A consolidation needs at least one adapter.');
  for (const { id, model: own, base, tenant } of manifests) {
    if (own !== model) refuse(`The adapter ${id} belongs to the model ${own}, not to ${model}.`);
    if (base !== first.base)
      refuse(`The adapters ${first.id} and ${id} were made on different base versions.`);
    if (tenant !== first.tenant)
      refuse(`The adapters ${first.id} and ${id} belong to different tenants: one base would serve both.`);
  }
}

/** A version holds all that its ancestors learned: merging both would add that twice. */
async function checkApart(folder: string, ids: readonly string[]): Promise<void> {
  if (new Set(ids).size !== ids.length) refuse('An adapter is named twice.');
  if (ids.length === 1) return;
  for (const id of ids) {
    const [, ...ancestors] = await chainOf(folder, id);
    const other = ancestors.find((ancestor) => ids.includes(ancestor.id));
    if (other !== undefined)
      refuse(`The adapter ${id} was built on ${other.id} and holds it: merge it alone.`);
  }
}
