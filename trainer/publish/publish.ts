/** A candidate that passed becomes a version: PEFT's files in the checkpoint's basis, and the served form beside them. */
import { encodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { encodeServed, servedFile, toServed } from '../../core/adapter/served.ts';
import { invariant } from '../../core/invariant.ts';
import type { AdapterLineage, AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';

export interface Publication {
  readonly model: TrainableModel;
  readonly values: Parameters;
  /** Folder of adapter versions. */
  readonly folder: string;
  readonly lineage: Omit<AdapterLineage, 'model' | 'base' | 'shape'>;
  readonly now: Date;
}

/** A candidate that a gate refused is never published; one without a gate came past none. */
export async function publish(publication: Publication): Promise<AdapterManifest> {
  const { model, values, folder, lineage, now } = publication;
  invariant(lineage.gate?.verdict !== 'fail', 'a version that is published was not refused');
  const { name, version, base, basis, shape } = model;
  const adapter = { shape, values };
  const peft = encodePeft(adapter, base.config, name);
  const files = {
    [peftFiles.config]: peft.config,
    [peftFiles.weights]: peft.weights,
    [servedFile]: encodeServed(toServed(adapter, base.config, basis)),
  };
  return publishAdapter(folder, files, { ...lineage, model: name, base: version, shape }, now);
}
