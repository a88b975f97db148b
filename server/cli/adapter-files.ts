/** Adapters in and out, in PEFT's format: for the tools that train and serve elsewhere. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basisFile, decodeBasis } from '../../core/adapter/basis.ts';
import { decodePeft, encodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { encodeServed, servedFile, toServed } from '../../core/adapter/served.ts';
import { MillraceError } from '../../core/errors.ts';
import type { ModelDescription } from '../../core/import/import.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { openAdapter, publishAdapter } from '../../core/registry/adapter-store.ts';
import { openVersion } from '../../core/registry/open-version.ts';

export interface AdapterImport {
  /** Folder with adapter_config.json and adapter_model.safetensors. */
  readonly from: string;
  readonly modelsDir: string;
  /** The imported model that the adapter was made for. */
  readonly model: string;
  readonly tenant: string;
  /** Folder of adapter versions. */
  readonly adapters: string;
  readonly now: Date;
}

/** The version as it now lies among the others. Throws version_invalid for what does not fit the model. */
export async function importAdapter(options: AdapterImport): Promise<AdapterManifest> {
  const { from, modelsDir, model, tenant, adapters, now } = options;
  const { folder, manifest } = await openVersion(modelsDir, model);
  const refuse = (reason: string): never => {
    throw new MillraceError('version_invalid', { path: from, reason });
  };
  const { config } = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as ModelDescription;
  if (config.kind !== 'decoder') return refuse(`"${model}" is an encoder, which takes no adapters`);
  const read = (file: string) => readFile(join(from, file)).catch(() => refuse(`${file} is missing`));
  const files = { config: await read(peftFiles.config), weights: await read(peftFiles.weights) };
  const adapter = decodePeft(files, config, from);
  const basis = await readFile(join(folder, basisFile)).catch(() =>
    refuse(`"${model}" was imported before it could take adapters; import it again`),
  );
  const served = encodeServed(toServed(adapter, config, decodeBasis(basis, config, refuse)));
  // Written anew, so that what lies among the versions is known to be readable.
  const peft = encodePeft(adapter, config, model);
  const contents = {
    [peftFiles.config]: peft.config,
    [peftFiles.weights]: peft.weights,
    [servedFile]: served,
  };
  const lineage = {
    model,
    tenant,
    base: manifest.version,
    parent: null,
    rows: [],
    recipe: { kind: 'import' },
    shape: adapter.shape,
    gate: null,
  };
  return publishAdapter(adapters, contents, lineage, now);
}

/** Copies a version's PEFT files into a folder, after checking them. Throws version_not_found, version_invalid. */
export async function exportAdapter(adapters: string, id: string, to: string): Promise<AdapterManifest> {
  const manifest = await openAdapter(adapters, id);
  await mkdir(to, { recursive: true });
  for (const file of Object.values(peftFiles)) await copyFile(join(adapters, id, file), join(to, file));
  return manifest;
}
