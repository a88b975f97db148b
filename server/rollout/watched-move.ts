/** Tells of moves of aliases, made or failed, with the time that they took, loading included. */
import type { TenantAliases } from '../../core/registry/aliases.ts';

export interface AliasMove {
  readonly model: string;
  readonly tenant: string;
  readonly verb: 'promote' | 'rollback' | 'canary' | 'shadow' | 'conclude' | 'undo';
  /** Adapters that were served before and are after it; where it failed, both are what they were. Null is the base alone. */
  readonly before: Served;
  readonly after: Served;
  /** What was asked for; null where that follows from the move, or is the base alone. */
  readonly adapter: string | null;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  /** Null where it was made. */
  readonly error: unknown;
}

export type Served = Pick<TenantAliases, 'stable'> & {
  readonly canary: string | null;
  readonly shadow: string | null;
};

export interface MoveWatch extends Pick<AliasMove, 'model' | 'tenant' | 'verb' | 'adapter'> {
  readonly aliases: () => TenantAliases;
  readonly now: () => Date;
  /** Must be quick, and not throw. */
  readonly onMove: ((move: AliasMove) => void) | undefined;
}

/** Settles as `move` does. What changed nothing is not told. */
export async function watchedMove<T>(
  { aliases, now, onMove, ...about }: MoveWatch,
  move: () => Promise<T>,
): Promise<T> {
  if (onMove === undefined) return move();
  const startMs = now().getTime();
  const before = servedIn(aliases());
  const tell = (after: Served, error: unknown): void =>
    onMove({ ...about, before, after, startMs, endMs: now().getTime(), error });
  try {
    const moved = await move();
    const after = servedIn(aliases());
    if (!areEqual(before, after)) tell(after, null);
    return moved;
  } catch (error) {
    tell(before, error);
    throw error;
  }
}

const servedIn = ({ stable, canary, shadow }: TenantAliases): Served => ({
  stable,
  canary: canary?.adapter ?? null,
  shadow,
});

const areEqual = (a: Served, b: Served): boolean =>
  a.stable === b.stable && a.canary === b.canary && a.shadow === b.shadow;
