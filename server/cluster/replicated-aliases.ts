/**
 * The shared aliases as one replica has them: changes go to what is shared, and a copy on this replica's disk follows, which
 * its trainer reads, and the replica itself when nothing else can be reached.
 */
import { MillraceError } from '../../core/errors.ts';
import { type Aliases, readAliases, writeAliases } from '../../core/registry/aliases.ts';
import type { SharedAliases } from './shared-aliases.ts';

export interface ReplicatedAliasesParts {
  readonly shared: SharedAliases;
  /** File of the copy. */
  readonly file: string;
  /** The learner's token, null while it has none; undefined of a follower, which may move aliases only by request. */
  readonly fence: () => number | null | undefined;
  readonly onProblem: (message: string) => void;
}

const retryAfterMs = 1_000;

export class ReplicatedAliases {
  private readonly parts: ReplicatedAliasesParts;
  private copy: Aliases;
  private copying: Promise<void> = Promise.resolve();

  private constructor(parts: ReplicatedAliasesParts, copy: Aliases) {
    this.parts = parts;
    this.copy = copy;
  }

  /** Throws what reading the copy throws. */
  static async open(parts: ReplicatedAliasesParts): Promise<ReplicatedAliases> {
    return new ReplicatedAliases(parts, await readAliases(parts.file));
  }

  /** Of what is known here. */
  get revision(): number {
    return this.copy.revision;
  }

  /** Throws cluster_unavailable, for a follower also while no learner has ever said what is served. */
  async read(): Promise<Aliases> {
    const aliases = await this.parts.shared.read();
    if (aliases !== null) return aliases;
    if (this.parts.fence() === undefined) throw unavailable('no learner has said yet what is served');
    return this.copy;
  }

  /** False when somebody else came first. Throws cluster_unavailable, and for a learner while it does not hold the lock. */
  async replace(before: Aliases, next: Aliases): Promise<boolean> {
    const fence = this.parts.fence();
    if (fence === null) throw unavailable('this replica does not hold the lock of the learner at the moment');
    const isOurs = await this.stored(next, before.revision, fence ?? null);
    if (isOurs) await this.save(next);
    return isOurs;
  }

  /** Calls with the aliases as they stand, and again whenever they have moved. */
  onChange(listener: (aliases: Aliases) => void): () => void {
    return this.parts.shared.onChange((aliases) => {
      if (aliases === null) void this.restore();
      else {
        void this.save(aliases);
        listener(aliases);
      }
    });
  }

  private async stored(next: Aliases, expectedRevision: number, fence: number | null): Promise<boolean> {
    const replaced = await this.parts.shared.replace(next, { expectedRevision, fence });
    if (replaced.result === 'fenced') throw unavailable('another learner has taken over');
    if (replaced.result === 'done') return true;
    // All was lost: what this replica knows is as good as any.
    if (replaced.current !== null || this.parts.fence() === undefined) return false;
    return (await this.parts.shared.replace(next, { expectedRevision: 0, fence })).result === 'done';
  }

  /** After what was shared was lost, the learner's copy is shared again. Never rejects. */
  private async restore(): Promise<void> {
    const fence = this.parts.fence();
    if (fence === undefined || fence === null || this.copy.revision === 0) return;
    try {
      await this.parts.shared.replace(this.copy, { expectedRevision: 0, fence });
    } catch (error) {
      this.parts.onProblem(`the aliases are not shared again: ${String(error)}`);
    }
  }

  /** One after the other, so that the newest stays. Never rejects: what is shared counts. */
  private save(aliases: Aliases): Promise<void> {
    this.copy = aliases;
    this.copying = this.copying
      .then(() => writeAliases(this.parts.file, aliases))
      .catch((error: unknown) => this.parts.onProblem(`the aliases are not on this disk: ${String(error)}`));
    return this.copying;
  }
}

const unavailable = (reason: string): MillraceError =>
  new MillraceError('cluster_unavailable', { reason, retryAfterMs });
