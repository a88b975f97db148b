/**
 * Puts a line on another base version: what that base and the tenant's version on it have learned is known, all else that
 * was learned is no longer, and waits to be learned again. Pure.
 */
import { ReplayBuffer, type ReplayLimits } from '../replay/replay-buffer.ts';
import { type Changed, type Decided, dropped } from './decided.ts';
import { type Line, maxWaiting } from './line.ts';

/** Where a line comes to stand. */
export interface Ground {
  /** Digest of the base. */
  readonly base: string;
  /** The tenant's version on this base; null is the base alone. */
  readonly head: string | null;
  /** Rows that are in the base's weights or in the head, each with the version that learned it. */
  readonly held: ReadonlyMap<string, string>;
  readonly undone: ReadonlySet<string>;
}

export function rebase(line: Line, ground: Ground, limits: ReplayLimits, nowMs: number): Changed {
  const { base, head, held, undone } = ground;
  const fates: Decided[] = [];
  const isWanted = ({ id }: { readonly id: string }): boolean => {
    if (undone.has(id)) fates.push(dropped(id, 'its influence was removed on request'));
    return !undone.has(id);
  };
  const wanted = line.replay.filter(({ example }) => isWanted(example));
  const waited = line.waiting.filter(({ example }) => isWanted(example));
  const replay = new ReplayBuffer(
    limits,
    wanted.filter(({ example }) => held.has(example.id)),
  );
  for (const { example } of waited.filter((each) => held.has(each.example.id))) {
    replay.add(example, line.turn);
    fates.push({ id: example.id, state: { kind: 'trained', version: held.get(example.id)! } });
  }
  const again = wanted
    .filter(({ example }) => !held.has(example.id))
    .map(({ example }) => ({ example, sinceMs: nowMs, refusals: 0 }));
  for (const { example } of again) fates.push({ id: example.id, state: { kind: 'queued' } });
  const all = [...again, ...waited.filter(({ example }) => !held.has(example.id))];
  for (const { example } of all.slice(maxWaiting))
    fates.push(dropped(example.id, `${maxWaiting} rows wait already`));
  return {
    line: {
      ...line,
      ...{ base, head, replay: replay.state(), waiting: all.slice(0, maxWaiting) },
      held: line.held.filter(({ id }) => !undone.has(id)),
    },
    fates,
  };
}
