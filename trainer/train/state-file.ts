/** The state of a run on disk, whole or not at all, so that a process that is killed goes on where it was. */
import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../core/replace-file.ts';
import { decodeTensorFile, encodeTensorFile, type StoredTensor } from '../../core/tensor/tensor-file.ts';
import type { Parameters } from './gradient-session.ts';
import type { TrainState } from './train-run.ts';

const groups = ['values', 'first', 'second', 'ema'] as const;

/** Replaces what lies at `path`. */
export async function saveState(path: string, state: TrainState): Promise<void> {
  const { values, optimizer, ema } = state;
  const parts = { values, first: optimizer.first, second: optimizer.second, ema: ema ?? new Map() };
  const tensors = new Map<string, StoredTensor>();
  for (const group of groups) {
    for (const [name, data] of parts[group]) tensors.set(`${group}/${name}`, { dims: [data.length], data });
  }
  const metadata = { num_steps: String(optimizer.numSteps), ema: String(ema !== null) };
  await replaceFile(path, encodeTensorFile({ tensors, metadata }));
}

/** Null when nothing was saved. Throws when what lies there is no state. */
export async function loadState(path: string): Promise<TrainState | null> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return null;
  const { tensors, metadata } = decodeTensorFile(bytes, (reason) => {
    throw new Error(`the saved state ${path} cannot be read: ${reason}`);
  });
  const of = (group: string): Parameters => {
    const prefix = `${group}/`;
    const found = [...tensors].filter(([name]) => name.startsWith(prefix));
    return new Map(found.map(([name, { data }]) => [name.slice(prefix.length), data.slice()]));
  };
  return {
    values: of('values'),
    optimizer: { numSteps: Number(metadata.num_steps), first: of('first'), second: of('second') },
    ema: metadata.ema === 'true' ? of('ema') : null,
  };
}
