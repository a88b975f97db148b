/** The configured models, opened, verified and each with its running engine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../core/errors.ts';
import type { ModelDescription } from '../core/import/import.ts';
import { openVersion, type Version } from '../core/registry/open-version.ts';
import { loadChatTemplate } from '../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { TokenizerFiles } from '../core/tokenizer/tokenizer.ts';
import type { StepRecord } from './batching/engine.ts';
import { createPromptEncoder } from './completion/prompt-encoder.ts';
import type {
  ModelCatalogue,
  ServedEncoder,
  ServedGenerator,
  ServedModel,
} from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import { createConfiguredScorer, startConfiguredEncoder, startConfiguredEngine } from './engine.ts';

type Log = (message: string) => void;

/** Is told of each step of a model's engine; must be quick. */
export type OnStep = (model: string, step: StepRecord) => void;

async function readJson<T>(version: Version, file: string): Promise<T> {
  return JSON.parse(await readFile(join(version.folder, file), 'utf8')) as T;
}

/** "sha256:" and the first twelve digits: enough to tell versions apart, short enough for a header. */
const shortVersion = (version: string): string => version.slice(0, 'sha256:'.length + 12);

/** All that is made of the tokenizer's files. */
interface Texts extends Pick<ServedModel, 'tokenizer' | 'encoder'> {
  readonly template: ServedGenerator['template'];
}

interface Opened {
  readonly version: Version;
  readonly description: ModelDescription;
  readonly texts: Texts;
  readonly served: Pick<ServedModel, 'id' | 'createdAt' | 'version' | 'digest' | 'tokenizer' | 'encoder'>;
}

interface Opening {
  readonly name: string;
  readonly kind: 'decoder' | 'encoder';
  /** Absent: the version that was imported under the name. */
  readonly version?: string;
  /** Lends a version with the same tokenizer its own, whose making would hold up running streams. */
  readonly lender?: ServedGenerator;
}

/** Throws version_invalid when the version is of the other kind. */
async function open({ name, kind, version: id, lender }: Opening, config: Config): Promise<Opened> {
  const version = await openVersion(config['models.dir'], name, id);
  const description = await readJson<ModelDescription>(version, 'model.json');
  if (description.config.kind !== kind) {
    const reason = `it is ${kind === 'decoder' ? 'an encoder, which generates no text' : 'a decoder, which makes no embeddings'}`;
    throw new MillraceError('version_invalid', { path: version.folder, reason });
  }
  const texts = await textsOf(version, kind, lender);
  const [numTokens, vocabSize] = [texts.tokenizer.vocabSize, description.config.vocabSize];
  // A token that the model has no row for would fail the step, and with it what else is in it.
  if (numTokens > vocabSize) {
    const reason = `its tokenizer has ${numTokens} tokens, the model ${vocabSize}`;
    throw new MillraceError('version_invalid', { path: version.folder, reason });
  }
  const served = {
    id: name,
    createdAt: Math.floor(Date.parse(version.manifest.createdAt) / 1000),
    version: shortVersion(version.manifest.version),
    digest: version.manifest.version,
    tokenizer: texts.tokenizer,
    encoder: texts.encoder,
  };
  return { version, description, texts, served };
}

const textFiles = ['tokenizer.json', 'tokenizer_config.json'] as const;
/** Digests of the files that a tokenizer was made of. */
const madeOf = new WeakMap<Texts['tokenizer'], string>();

async function textsOf(
  version: Version,
  kind: Opening['kind'],
  lender: ServedGenerator | undefined,
): Promise<Texts> {
  const entries = version.manifest.files.filter(({ path }) => textFiles.some((file) => file === path));
  const digests = entries.map(({ path, sha256 }) => `${path} ${sha256}`).join();
  if (lender !== undefined && madeOf.get(lender.tokenizer) === digests) return lender;
  const [json, settings] = textFiles;
  const files: TokenizerFiles = {
    tokenizerJson: await readJson(version, json),
    tokenizerConfig: await readJson(version, settings),
  };
  const tokenizer = loadTokenizer(files);
  madeOf.set(tokenizer, digests);
  const template = kind === 'decoder' ? loadChatTemplate(files) : null;
  return { tokenizer, encoder: createPromptEncoder(tokenizer, files), template };
}

/** Throws what opening and starting throw. The caller closes the engine. */
export async function startGenerator(
  opening: Omit<Opening, 'kind'>,
  config: Config,
  log: Log,
  onStep: OnStep,
): Promise<ServedGenerator> {
  const { version, description, texts, served } = await open({ ...opening, kind: 'decoder' }, config);
  const source = { folder: version.folder, version: served.version };
  const engine = await startConfiguredEngine(source, config, log, (step) => onStep(served.id, step));
  return {
    ...served,
    kind: 'generator',
    template: texts.template,
    eosTokenIds: description.config.kind === 'decoder' ? description.config.eosTokenIds : [],
    engine,
    scorer: createConfiguredScorer(source, config, { maxContext: engine.maxContext, log }),
  };
}

/** Throws what opening and starting throw. The caller closes the engine. */
export async function startEmbedder(name: string, config: Config, log: Log): Promise<ServedEncoder> {
  const { version, served } = await open({ name, kind: 'encoder' }, config);
  const source = { folder: version.folder, version: served.version };
  return { ...served, kind: 'encoder', engine: await startConfiguredEncoder(source, config, log) };
}

/** What is shared with a model that goes on stays open. */
export async function closeModel(model: ServedModel, goesOn: ServedModel | null = null): Promise<void> {
  const scorer = model.kind === 'generator' ? model.scorer : null;
  const encoder = model.encoder === goesOn?.encoder ? null : model.encoder;
  await Promise.all([encoder?.close(), model.engine.close(), scorer?.close()]);
}

export interface ReplaceableCatalogue extends ModelCatalogue {
  /** From now on this one is found under its id; who has looked up the one before keeps it. */
  replace(model: ServedModel): void;
}

export function createCatalogue(models: readonly ServedModel[]): ReplaceableCatalogue {
  const byId = new Map(models.map((model) => [model.id, model]));
  return {
    get: (id) => byId.get(id),
    list: () => [...byId.values()],
    replace: (model) => void byId.set(model.id, model),
  };
}
