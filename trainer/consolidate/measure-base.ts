/** Scores the gate's texts under the new version, under what is served today, and under the version once imported. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeServed } from '../../core/adapter/served.ts';
import { MillraceError } from '../../core/errors.ts';
import type { ModelDescription } from '../../core/import/import.ts';
import { openVersion, type Version } from '../../core/registry/open-version.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import type { Text } from '../train/lesson.ts';
import { type AdaptedVersion, writeAdaptedScoring } from './adapted-scoring.ts';
import type { BaseMeasurements } from './base-gate.ts';
import { flatten, gateTexts, type PerKind, regroup } from './gate-texts.ts';
import type { Consolidation } from './import-merged.ts';
import type { Job } from './job.ts';
import { type Scores, type ScoringGraph, scoreTexts } from './score-texts.ts';

/** `folder` holds the new version's files. */
export async function measureBase(
  consolidation: Consolidation,
  folder: string,
  job: Pick<Job, 'modelsDir' | 'model' | 'examples' | 'gate'>,
): Promise<BaseMeasurements> {
  const { base, scratch } = consolidation;
  const adapted = await readAdapted(consolidation);
  const texts = await textsFor(base, adapted.config.maxContext, job);
  const root = await importedVersion(base, job);
  const all = flatten(texts);
  const total = 2 * all.length + (root === null ? 0 : texts.passages.length);
  const score = scorer(consolidation, total);
  const now = await score({ path: join(folder, 'scoring.onnx'), feeds: {} }, all);
  const before = await score(await writeAdaptedScoring(adapted, scratch), all);
  const path = root && join(root.folder, 'scoring.onnx');
  const imported = path === null ? null : await score({ path, feeds: {} }, texts.passages);
  return { now: regroup(texts, now), before: regroup(texts, before), imported };
}

/** Counts over all graphs. */
function scorer({ open, onProgress }: Consolidation, total: number) {
  let done = 0;
  const onText = (): void => onProgress({ stage: 'gate', done: ++done, total });
  return (graph: ScoringGraph, texts: readonly Text[]): Promise<Scores[]> =>
    scoreTexts(graph, texts, open, onText);
}

async function readAdapted({ base, adapters }: Consolidation): Promise<AdaptedVersion> {
  const { folder } = base;
  const refuse = (reason: string): never => {
    throw new MillraceError('version_invalid', { path: folder, reason });
  };
  const { config, weights } = JSON.parse(
    await readFile(join(folder, 'model.json'), 'utf8'),
  ) as ModelDescription;
  if (config.kind !== 'decoder' || weights === undefined) return refuse('it is no decoder');
  return {
    folder,
    config,
    weights,
    adapters: adapters.map(({ served }) => decodeServed(served, config, refuse)),
  };
}

async function textsFor(
  { folder }: Version,
  maxContext: number,
  { examples, gate }: Pick<Job, 'examples' | 'gate'>,
): Promise<PerKind<Text>> {
  const json = async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const files = {
    tokenizerJson: await json('tokenizer.json'),
    tokenizerConfig: await json('tokenizer_config.json'),
  };
  const { config } = (await json('model.json')) as ModelDescription;
  const endToken = config.kind === 'decoder' ? (config.eosTokenIds[0] ?? null) : null;
  const tokenizer = loadTokenizer(files);
  const maxTokens = Math.min(gate.maxTokens, maxContext);
  const template = loadChatTemplate(files);
  return gateTexts({ tokenizer, template, endToken, maxTokens }, examples.slice(0, gate.maxExamples));
}

/** What lies under the model's name, if it is of the same checkpoint and has nothing merged into it. */
async function importedVersion(
  base: Version,
  { modelsDir, model }: Pick<Job, 'modelsDir' | 'model'>,
): Promise<Version | null> {
  const { path, merged } = base.manifest.source;
  if (merged === undefined) return base;
  const found = await openVersion(modelsDir, model).catch((error: unknown) => {
    if (error instanceof MillraceError && error.code === 'model_not_found') return null;
    throw error;
  });
  return found?.manifest.source.path === path ? found : null;
}
