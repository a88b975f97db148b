/** A decoder of two layers that reads characters, imported in a moment, with adapters and base versions made for it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Adapter } from '../../core/adapter/adapter.ts';
import { basisFile, decodeBasis } from '../../core/adapter/basis.ts';
import { loraParameters } from '../../core/adapter/lora.ts';
import { encodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { encodeServed, servedFile, toServed } from '../../core/adapter/served.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { mergeAdapters } from '../../core/checkpoint/merged.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { importCalibrated } from '../../core/import/calibrated-import.ts';
import type { ModelDescription } from '../../core/import/import.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { publishBaseVersion } from '../../core/registry/base-versions.ts';
import type { Lineage } from '../../core/registry/manifest.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { createRng } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { writeTinyCheckpoint } from '../tiny-checkpoint.ts';

export const modelName = 'tiny';
const tenant = 'anonymous';

/** In full precision, so that a random model's answers are those of its weights and not of their rounding. */
const kindOf = { kind: 'decoder', architecture: 'llama', quantization: 'fp32' } as const;

export class TinyModel {
  readonly modelsDir: string;
  private readonly root: string;
  private readonly checkpointPath: string;
  private readonly maxContext: number | undefined;

  /** `root` exists, and is removed by the caller. The passages that training holds on to need more context than there is by default. */
  constructor(root: string, maxContext?: number) {
    this.root = root;
    this.maxContext = maxContext;
    this.modelsDir = join(root, 'models');
    this.checkpointPath = join(root, 'checkpoint');
  }

  /** Digest of the version. */
  async import(): Promise<string> {
    writeTinyCheckpoint(this.checkpointPath, this.maxContext);
    const { modelsDir } = this;
    const write = (folder: string) => this.write(folder, [], (checkpoint) => checkpoint);
    return (await publishVersion({ modelsDir, name: modelName, now: () => new Date(), write })).version;
  }

  /** A base version that says it came of the adapter; a larger one is in its weights, so that its answers are its own. */
  async publishBase(adapter: string, seed: number): Promise<string> {
    const { modelsDir } = this;
    const write = (folder: string) =>
      this.write(folder, [{ adapter, tenant }], (checkpoint) =>
        mergeAdapters(checkpoint, [randomAdapter(checkpoint.config as DecoderConfig, seed, 1)]),
      );
    return (await publishBaseVersion({ modelsDir, name: modelName, now: () => new Date(), write }))!.version;
  }

  /** A small random adapter on the imported version. Returns its id. */
  async publishAdapter(folder: string, base: string, seed: number, owner = tenant): Promise<string> {
    const file = (name: string) => readFileSync(join(this.modelsDir, modelName, name));
    const { config } = JSON.parse(file('model.json').toString()) as ModelDescription;
    const refuse = (reason: string): never => {
      throw new Error(reason);
    };
    const decoder = config as DecoderConfig;
    const adapter = randomAdapter(decoder, seed, 0.1);
    const peft = encodePeft(adapter, decoder, modelName);
    const basis = decodeBasis(file(basisFile), decoder, refuse);
    const files = {
      [peftFiles.config]: peft.config,
      [peftFiles.weights]: peft.weights,
      [servedFile]: encodeServed(toServed(adapter, decoder, basis)),
    };
    const { shape } = adapter;
    const lineage = { model: modelName, tenant: owner, base, parent: null, rows: [], shape, gate: null };
    return (await publishAdapter(folder, files, { ...lineage, recipe: { kind: 'import' } }, new Date())).id;
  }

  private async write(
    folder: string,
    merged: NonNullable<Lineage['source']['merged']>,
    change: (checkpoint: Checkpoint) => Checkpoint,
  ): Promise<Lineage> {
    const checkpoint = await openCheckpoint(this.checkpointPath);
    const open = createOpenGraph({ threads: 1 });
    const options = { folder, quantization: kindOf.quantization, open, scratch: this.root };
    await importCalibrated({ ...options, checkpoint: change(checkpoint) });
    await checkpoint.close();
    const source = { format: 'hugging-face', name: modelName, path: this.checkpointPath } as const;
    return { source: merged.length === 0 ? source : { ...source, merged }, ...kindOf };
  }
}

function randomAdapter(config: DecoderConfig, seed: number, size: number): Adapter {
  const shape = { rank: 4, alpha: 8, firstLayer: 0, targets: ['q', 'v', 'o', 'up', 'down'] as const };
  const rng = createRng(seed);
  const draw = (): number => (rng.next() - 0.5) * size;
  const values = loraParameters(config, shape).map(
    ({ name, dims }) => [name, Float32Array.from({ length: dims[0]! * dims[1]! }, draw)] as const,
  );
  return { shape, values: new Map(values) };
}
