/** The configured models, opened, verified and each with its running engine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../core/errors.ts';
import type { ModelDescription } from '../core/import/import.ts';
import { openVersion, type Version } from '../core/registry/open-version.ts';
import { loadChatTemplate } from '../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import type { TokenizerFiles } from '../core/tokenizer/tokenizer.ts';
import type { ModelCatalogue, ServedGenerator, ServedModel } from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import { startConfiguredEngine } from './engine.ts';

type Log = (message: string) => void;

async function readJson<T>(version: Version, file: string): Promise<T> {
  return JSON.parse(await readFile(join(version.folder, file), 'utf8')) as T;
}

/** "sha256:" and the first twelve digits: enough to tell versions apart, short enough for a header. */
const shortVersion = (version: string): string => version.slice(0, 'sha256:'.length + 12);

/** Throws version_invalid for an encoder; otherwise what opening and starting throw. The caller closes the engine. */
export async function startGenerator(name: string, config: Config, log: Log): Promise<ServedGenerator> {
  const version = await openVersion(config['models.dir'], name);
  const description = await readJson<ModelDescription>(version, 'model.json');
  if (description.config.kind !== 'decoder')
    throw new MillraceError('version_invalid', {
      path: version.folder,
      reason: 'it is an encoder, which generates no text',
    });
  const files: TokenizerFiles = {
    tokenizerJson: await readJson(version, 'tokenizer.json'),
    tokenizerConfig: await readJson(version, 'tokenizer_config.json'),
  };
  const id = shortVersion(version.manifest.version);
  return {
    kind: 'generator',
    id: name,
    createdAt: Math.floor(Date.parse(version.manifest.createdAt) / 1000),
    version: id,
    tokenizer: loadTokenizer(files),
    template: loadChatTemplate(files),
    eosTokenIds: description.config.eosTokenIds,
    engine: await startConfiguredEngine({ folder: version.folder, version: id }, config, log),
  };
}

export function createCatalogue(models: readonly ServedModel[]): ModelCatalogue {
  const byId = new Map(models.map((model) => [model.id, model]));
  return { get: (id) => byId.get(id), list: () => models };
}
