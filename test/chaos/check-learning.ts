/**
 * What lies in a learning folder once the server has ended: every acknowledged row there once, with a fate or waiting;
 * no row learned twice in one chain; what the aliases point to whole, and let through by the gate.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLog } from '../../core/feedback/log-reader.ts';
import type { Fate, LogRecord } from '../../core/feedback/record.ts';
import { listSegments, logStart, segmentPath } from '../../core/feedback/segments.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { listAdapters, openAdapter } from '../../core/registry/adapter-store.ts';
import { type Aliases, readAliases } from '../../core/registry/aliases.ts';
import { type LearningLayout, learningLayout } from '../../core/registry/learning-layout.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import { LineStore } from '../../trainer/loop/line-store.ts';
import type { Lesson } from './teaching.ts';

export interface Learned {
  readonly rows: number;
  readonly trained: number;
  readonly dropped: number;
  readonly waiting: number;
  readonly versions: number;
}

export interface Findings {
  readonly complaints: readonly string[];
  readonly learned: Learned;
}

async function all<T>(folder: string): Promise<T[]> {
  const records: T[] = [];
  for (let position = logStart; ; ) {
    const read = await readLog(folder, position, (json) => json as T);
    if (read.records.length === 0) return records;
    records.push(...read.records.map(({ record }) => record));
    position = read.position;
  }
}

/** What a folder says of its rows at this moment. */
async function readRows(layout: LearningLayout, { trainer } = layout) {
  const rows = (await all<LogRecord>(layout.feedback)).filter((record) => record.type === 'feedback');
  const fates = new Map((await all<Fate>(layout.fates)).map((fate) => [fate.id, fate.state]));
  const lines = Object.values((await LineStore.open(join(trainer, 'lines'))).all());
  const waiting = new Set(lines.flatMap((line) => line.waiting.map(({ example }) => example.id)));
  return { rows, fates, waiting };
}

export async function learnedIn(folder: string): Promise<Omit<Learned, 'versions'>> {
  const { rows, fates, waiting } = await readRows(learningLayout(folder));
  const count = (kind: Fate['state']['kind']): number =>
    rows.filter(({ id }) => fates.get(id)?.kind === kind).length;
  return {
    rows: rows.length,
    trained: count('trained'),
    dropped: count('dropped'),
    waiting: rows.filter(({ id }) => waiting.has(id)).length,
  };
}

export interface CheckOptions {
  readonly lessons: readonly Lesson[];
  /** Folder of whoever trains; fates and versions of others follow with a delay. */
  readonly learner: string;
}

/** To be called when no process works on the folder. */
export async function checkLearning(folder: string, { lessons, learner }: CheckOptions): Promise<Findings> {
  const layout = learningLayout(folder);
  const { rows, fates, waiting } = await readRows(layout, learningLayout(learner));
  const { complaints, manifests } = await checkVersions(layout);
  complaints.push(...(await damagedLines(layout)));
  const idsOf = (responseId: string): string[] =>
    rows.filter((row) => row.responseId === responseId).map(({ id }) => id);
  const stateOf = (id: string): string | null => fates.get(id)?.kind ?? (waiting.has(id) ? 'waits' : null);
  for (const lesson of lessons) complaints.push(...checkLesson(lesson, idsOf(lesson.responseId), stateOf));
  const isOnDisk = new Set(manifests.map(({ id }) => id));
  for (const { id } of folder === learner ? rows : []) {
    const state = fates.get(id);
    if (state?.kind === 'trained' && !isOnDisk.has(state.version))
      complaints.push(`row ${id} is told to be in ${state.version}, which is not there`);
    if (state?.kind === 'queued' && !waiting.has(id)) complaints.push(`row ${id} is queued and nowhere`);
  }
  const versions = manifests.filter(({ gate }) => gate !== null).length;
  return { complaints, learned: { ...(await learnedIn(folder)), versions } };
}

/** `there` are the rows that the log has of it. */
function checkLesson(
  { responseId, ids, refusal }: Lesson,
  there: readonly string[],
  stateOf: (id: string) => string | null,
): string[] {
  const about = `the correction of ${responseId}`;
  if (there.length > 1) return [`${about} is in the log ${there.length} times: ${there.join(', ')}`];
  if (ids.size > 1) return [`${about} was acknowledged under ${ids.size} ids: ${[...ids].join(', ')}`];
  const [id] = ids;
  if (id === undefined) {
    const isRefused = refusal === 'response_not_found' && there.length === 1;
    return isRefused ? [`${about} was refused for good, and is in the log as ${there[0]}`] : [];
  }
  if (there[0] !== id) return [`${about} was acknowledged as ${id} and is lost`];
  return stateOf(id) === null ? [`${about}, row ${id}, has no fate and does not wait`] : [];
}

/** In logs that were closed in order each line is a whole one. */
async function damagedLines(layout: LearningLayout): Promise<string[]> {
  const complaints: string[] = [];
  for (const folder of [layout.feedback, layout.fates, layout.versions]) {
    for (const segment of await listSegments(folder)) {
      const path = segmentPath(folder, segment);
      const lines = readFileSync(path, 'utf8').split('\n');
      if (lines.pop() !== '') complaints.push(`${path} ends in the middle of a line`);
      for (const [index, line] of lines.entries()) {
        try {
          JSON.parse(line);
        } catch {
          complaints.push(`${path}, line ${index + 1} is damaged: ${line.slice(0, 80)}`);
        }
      }
    }
  }
  return complaints;
}

async function checkVersions(layout: LearningLayout) {
  const complaints: string[] = [];
  const manifests: AdapterManifest[] = [];
  for (const id of await listAdapters(layout.adapters)) {
    const opened = await openAdapter(layout.adapters, id).catch((error: Error) => error.message);
    if (typeof opened === 'string') complaints.push(`the version ${id} is damaged: ${opened}`);
    else manifests.push(opened);
  }
  for (const { id, gate, recipe } of manifests) {
    if (gate?.verdict !== 'pass' && recipe.kind !== 'import') complaints.push(`${id} came past no gate`);
    const seen = new Set<string>();
    for (const { rows } of await chainOf(layout.adapters, id))
      for (const row of rows)
        if (seen.has(row)) complaints.push(`row ${row} was learned twice in the chain of ${id}`);
        else seen.add(row);
  }
  const known = new Set(manifests.map(({ id }) => id));
  for (const id of pointedTo(await readAliases(layout.aliases)))
    if (!known.has(id)) complaints.push(`an alias points to ${id}, which is not there`);
  return { complaints, manifests };
}

function pointedTo({ models }: Aliases): string[] {
  const tenants = Object.values(models).flatMap((model) => Object.values(model.tenants));
  return tenants
    .flatMap(({ stable, canary, shadow, previous }) => [stable, canary?.adapter, shadow, ...previous])
    .filter((id): id is string => typeof id === 'string');
}

/** Adapters that answers named, out of version ids as in "sha256:0123456789ab+cdef01234567+m12". */
export async function checkNamed(folder: string, versions: ReadonlySet<string>): Promise<string[]> {
  const there = new Set(await listAdapters(learningLayout(folder).adapters));
  const named = [...versions].flatMap((version) => version.split('+').slice(1));
  const adapters = named.filter((part) => !/^m\d+$/.test(part));
  return adapters.filter((id) => !there.has(id)).map((id) => `an answer came from ${id}, which is not there`);
}
