/** The configured models, opened, verified and each with its running engine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../core/errors.ts';
import type { ModelDescription } from '../core/import/import.ts';
import { openVersion, type Version } from '../core/registry/open-version.ts';
import { loadChatTemplate } from '../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { TokenizerFiles } from '../core/tokenizer/tokenizer.ts';
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

async function readJson<T>(version: Version, file: string): Promise<T> {
  return JSON.parse(await readFile(join(version.folder, file), 'utf8')) as T;
}

/** "sha256:" and the first twelve digits: enough to tell versions apart, short enough for a header. */
const shortVersion = (version: string): string => version.slice(0, 'sha256:'.length + 12);

interface Opened {
  readonly version: Version;
  readonly description: ModelDescription;
  readonly files: TokenizerFiles;
  readonly served: Pick<ServedModel, 'id' | 'createdAt' | 'version' | 'tokenizer' | 'encoder'>;
}

/** Throws version_invalid when the version is of the other kind. */
async function open(name: string, kind: 'decoder' | 'encoder', config: Config): Promise<Opened> {
  const version = await openVersion(config['models.dir'], name);
  const description = await readJson<ModelDescription>(version, 'model.json');
  if (description.config.kind !== kind) {
    const reason = `it is ${kind === 'decoder' ? 'an encoder, which generates no text' : 'a decoder, which makes no embeddings'}`;
    throw new MillraceError('version_invalid', { path: version.folder, reason });
  }
  const files: TokenizerFiles = {
    tokenizerJson: await readJson(version, 'tokenizer.json'),
    tokenizerConfig: await readJson(version, 'tokenizer_config.json'),
  };
  const tokenizer = loadTokenizer(files);
  const served = {
    id: name,
    createdAt: Math.floor(Date.parse(version.manifest.createdAt) / 1000),
    version: shortVersion(version.manifest.version),
    tokenizer,
    encoder: createPromptEncoder(tokenizer, files),
  };
  return { version, description, files, served };
}

/** Throws what opening and starting throw. The caller closes the engine. */
export async function startGenerator(name: string, config: Config, log: Log): Promise<ServedGenerator> {
  const { version, description, files, served } = await open(name, 'decoder', config);
  const source = { folder: version.folder, version: served.version };
  const engine = await startConfiguredEngine(source, config, log);
  return {
    ...served,
    kind: 'generator',
    template: loadChatTemplate(files),
    eosTokenIds: description.config.kind === 'decoder' ? description.config.eosTokenIds : [],
    engine,
    scorer: createConfiguredScorer(source, config, { maxContext: engine.maxContext, log }),
  };
}

/** Throws what opening and starting throw. The caller closes the engine. */
export async function startEmbedder(name: string, config: Config, log: Log): Promise<ServedEncoder> {
  const { version, served } = await open(name, 'encoder', config);
  const source = { folder: version.folder, version: served.version };
  return { ...served, kind: 'encoder', engine: await startConfiguredEncoder(source, config, log) };
}

export function createCatalogue(models: readonly ServedModel[]): ModelCatalogue {
  const byId = new Map(models.map((model) => [model.id, model]));
  return { get: (id) => byId.get(id), list: () => models };
}
