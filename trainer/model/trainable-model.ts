/** A base version made ready for training: its sessions, its texts' encoder, its anchors. All of it is per base version. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from '../../core/adapter/adapter.ts';
import { type Basis, basisFile, decodeBasis } from '../../core/adapter/basis.ts';
import type { LoraShape } from '../../core/adapter/lora.ts';
import { MillraceError } from '../../core/errors.ts';
import { openVersion } from '../../core/registry/open-version.ts';
import { openSource } from '../../core/registry/source-checkpoint.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { AnchorSet } from '../anchors/anchor-set.ts';
import { gateAnchors, trainingAnchors, trainingExchanges } from '../anchors/anchor-texts.ts';
import { levelPassages } from '../anchors/level-passages.ts';
import { LevelSet } from '../anchors/level-set.ts';
import { createTextEncoder, type TextEncoder } from '../examples/encode.ts';
import { type BaseWeights, openBaseWeights, weightsFolder } from '../train/base-weights.ts';
import { type ForwardSession, openForwardSession } from '../train/forward-session.ts';
import { type GradientSession, openGradientSession, type Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import { isSameShape } from '../train/same-shape.ts';
import { ScoreMemo } from '../train/score-memo.ts';
import { cacheTrunk } from '../train/trunk-cache.ts';
import { openTrunkSession, type TrunkSession } from '../train/trunk-session.ts';

export interface TrainableModel {
  /** Name that clients use. */
  readonly name: string;
  /** Digest of the base version, "sha256:…". */
  readonly version: string;
  /** Adapters that are in the weights of this version. */
  readonly merged: readonly string[];
  readonly base: BaseWeights;
  /** Null: served in the checkpoint's own basis. */
  readonly basis: Basis | null;
  readonly shape: LoraShape;
  readonly tokenizer: Tokenizer;
  readonly encoder: TextEncoder;
  readonly trunk: TrunkSession;
  readonly forward: ForwardSession;
  readonly gradients: GradientSession;
  /** Of versions that do not change any more. */
  readonly scores: ScoreMemo;
  readonly anchors: AnchorSet;
  readonly gateAnchors: AnchorSet;
  readonly level: LevelSet;
  /** Factors that change nothing, which is the base alone: each line of versions begins with these. */
  readonly fresh: Parameters;
  close(): Promise<void>;
}

export interface TrainableOptions {
  readonly modelsDir: string;
  readonly name: string;
  /** Id of the base version, "sha256:…"; absent: the one that was imported under the name. */
  readonly version?: string;
  /** Base weights are kept here, a folder for each base version. */
  readonly folder: string;
  readonly shape: Omit<LoraShape, 'firstLayer'> & {
    /** Share of the layers, from the bottom, that stay as they are. */
    readonly frozenShare: number;
  };
  readonly threads: number;
}

/** Throws version_invalid or checkpoint_not_found with what to do about it. */
export async function openTrainableModel(options: TrainableOptions): Promise<TrainableModel> {
  const opened = await openVersion(options.modelsDir, options.name, options.version);
  const { folder: version, manifest } = opened;
  const refuse = (reason: string): never => {
    throw new MillraceError('version_invalid', { path: version, reason });
  };
  if (manifest.kind !== 'decoder') refuse('an encoder does not learn');
  const base = await openBaseWeights(join(options.folder, weightsFolder(manifest.version)), () =>
    openSource(opened),
  );
  const basisBytes = await readFile(join(version, basisFile)).catch(() =>
    refuse('it was made before learning; import it again'),
  );
  const basis = decodeBasis(basisBytes, base.config, refuse);
  const json = async (file: string) => JSON.parse(await readFile(join(version, file), 'utf8'));
  const files = {
    tokenizerJson: await json('tokenizer.json'),
    tokenizerConfig: await json('tokenizer_config.json'),
  };
  const tokenizer = loadTokenizer(files);
  const endToken = base.config.eosTokenIds[0] ?? null;
  const encoder = createTextEncoder({ tokenizer, template: loadChatTemplate(files), endToken });
  const { frozenShare, ...rest } = options.shape;
  const shape = { ...rest, firstLayer: Math.floor(base.config.numLayers * frozenShare) };
  return {
    name: options.name,
    version: manifest.version,
    merged: (manifest.source.merged ?? []).map(({ adapter }) => adapter),
    base,
    basis,
    shape,
    tokenizer,
    encoder,
    ...(await openSessions(base, shape, { tokenizer, encoder }, options.threads)),
  };
}

/** One of each in turn, over and over: a step that takes neighbours holds on to both kinds. */
function interleaved<A, B>(a: readonly A[], b: readonly B[]): (A | B)[] {
  return a.flatMap((each, index) => [each, b[index % b.length]!]);
}

const freshSeed = 1;

/** About 700 texts of 40 tokens of the default model. */
const trunkCacheBytes = 64 * 2 ** 20;

async function openSessions(
  base: BaseWeights,
  shape: LoraShape,
  texts: { readonly tokenizer: Tokenizer; readonly encoder: TextEncoder },
  threads: number,
) {
  const open = createOpenGraph({ threads });
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const session of opened.splice(0)) await session.close();
  };
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const session = await opening.catch(async (error: unknown) => {
      await close();
      throw error;
    });
    opened.push(session);
    return session;
  };
  const trunk = cacheTrunk(await keep(openTrunkSession(base, shape.firstLayer, open)), trunkCacheBytes);
  const forward = await keep(openForwardSession(base, shape, open));
  const gradients = await keep(openGradientSession(base, { kind: 'lora', ...shape }, open));
  const fresh = initialLora(base.config, shape, freshSeed);
  const parts = { ...texts, trunk, forward, fresh };
  return {
    trunk,
    forward,
    gradients,
    scores: new ScoreMemo(forward),
    fresh,
    anchors: new AnchorSet(interleaved(trainingAnchors, trainingExchanges), parts),
    gateAnchors: new AnchorSet(gateAnchors, parts),
    level: new LevelSet(levelPassages, { ...parts, gradients }),
    close,
  };
}

/**
 * The values of an adapter in this model's shape; null when it has another one, as an imported one may have. Layers and
 * linears that the adapter leaves out get factors of zero.
 */
export function valuesOf(adapter: Adapter, shape: LoraShape): Parameters | null {
  return isSameShape(adapter.shape, shape) ? adapter.values : null;
}
