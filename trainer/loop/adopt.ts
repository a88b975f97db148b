/**
 * A version that was published just before the trainer was killed: on disk, but unknown to the line. It is taken over,
 * so that its rows are not learned twice.
 */
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { listAdapters, readAdapter } from '../../core/registry/adapter-store.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { ReplayBuffer, type ReplayLimits } from '../replay/replay-buffer.ts';
import { isSameShape } from '../train/same-shape.ts';
import type { Line } from './line.ts';

/** A version of the model built on the line's head out of rows that still wait, in the shape that is trained. */
export async function findOrphan(
  folder: string,
  tenant: string,
  line: Line,
  { version, shape }: Pick<TrainableModel, 'version' | 'shape'>,
): Promise<AdapterManifest | null> {
  const waiting = new Set(line.waiting.map(({ example }) => example.id));
  if (waiting.size === 0) return null;
  for (const id of await listAdapters(folder)) {
    const manifest = await readAdapter(folder, id).catch(() => null);
    if (manifest?.tenant !== tenant || manifest.base !== version || manifest.parent !== line.head) continue;
    const { rows } = manifest;
    if (isSameShape(manifest.shape, shape) && rows.length > 0 && rows.every((row) => waiting.has(row)))
      return manifest;
  }
  return null;
}

export function adopt(line: Line, { id, rows, recipe }: AdapterManifest, limits: ReplayLimits): Line {
  const learned = line.waiting.filter(({ example }) => rows.includes(example.id));
  const replay = new ReplayBuffer(limits, line.replay);
  const turn = line.turn + Number(recipe.steps ?? 0);
  for (const { example } of learned) replay.add(example, turn);
  return {
    ...line,
    waiting: line.waiting.filter((each) => !learned.includes(each)),
    replay: replay.state(),
    turn,
    numUpdates: line.numUpdates + 1,
    head: id,
  };
}
