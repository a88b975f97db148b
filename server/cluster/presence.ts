/** Tells the others that this replica lives and what is in its engine, and knows as much of them. */
import { messageOf } from '../../core/message-of.ts';
import {
  type Adoption,
  isEnough,
  type LiveReplica,
  type ReplicaStatus,
  type Roster,
  readinessOf,
} from './roster.ts';

export interface PresenceOptions {
  readonly roster: Roster;
  /** Well within the roster's time to live. */
  readonly everyMs: number;
  /** What does not change, and how it stands at the moment. */
  readonly self: Omit<ReplicaStatus, 'aliasesRevision' | 'models' | 'adoption'>;
  readonly aliasesRevision: () => number;
  /** Names of the models that are rolled out, with the digest of the base that is served; null while none is. */
  readonly bases: () => readonly (readonly [model: string, base: string | null])[];
  readonly onProblem: (message: string) => void;
}

interface Standing {
  readonly ready: Set<string>;
  readonly refused: Map<string, string>;
}

/** Of each model, adapters that others are told of; the oldest go: what matters are those that aliases may move to next. */
const maxTold = 64;
const maxReason = 500;
/** Tenants whose versions are missing that others are told of. */
const maxMissing = 64;
const pollMs = 100;

export class Presence {
  private readonly options: PresenceOptions;
  private readonly standings = new Map<string, Standing>();
  private others: readonly LiveReplica[] = [];
  private adoption: Adoption = { revision: 0, missing: [] };
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private isClosed = false;
  private lastProblem = '';
  private isAnnounced = false;
  private isNamesakeTold = false;

  constructor(options: PresenceOptions) {
    this.options = options;
    this.soon(0);
  }

  /** Those that were alive when it was heard of them last, this one among them once it has been for a moment. */
  get replicas(): readonly LiveReplica[] {
    return this.others;
  }

  /** The learner that was heard of last; null while there is none. */
  get learner(): LiveReplica | null {
    const learners = this.others.filter(({ role }) => role === 'learner');
    return learners.toSorted((a, b) => a.seenMsAgo - b.seenMsAgo)[0] ?? null;
  }

  /** An adapter is in the engine, or why it cannot be. The others hear of it at once. */
  tell(model: string, adapter: string, error: unknown): void {
    const { ready, refused } = this.standingOf(model);
    ready.delete(adapter);
    refused.delete(adapter);
    if (error === null) ready.add(adapter);
    else refused.set(adapter, String(error).slice(0, maxReason));
    for (const told of [ready, refused]) if (told.size > maxTold) told.delete(told.keys().next().value!);
    this.soon(0);
  }

  /** It has followed the aliases, as far as it could. The others hear of it at once. */
  adopted({ revision, missing }: Adoption): void {
    const told = missing.slice(0, maxMissing);
    this.adoption = {
      revision,
      missing: told.map((each) => ({ ...each, reason: each.reason.slice(0, maxReason) })),
    };
    this.soon(0);
  }

  /** Whether so many percent of those that serve the base have the adapter, within the time. Throws cluster_unavailable. */
  async areReady(
    about: { readonly model: string; readonly base: string; readonly adapter: string },
    { percent, withinMs }: { readonly percent: number; readonly withinMs: number },
  ): Promise<boolean> {
    for (const endMs = performance.now() + withinMs; ; ) {
      const replicas = await this.options.roster.list();
      if (isEnough(readinessOf(replicas, about), percent)) return true;
      if (this.isClosed || performance.now() > endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
    await this.options.roster.leave(this.options.self.id).catch(() => {});
  }

  private soon(ms: number): void {
    if (this.isClosed) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.running = this.running.then(() => this.turn());
    }, ms);
  }

  private async turn(): Promise<void> {
    const { roster } = this.options;
    try {
      const replicas = await roster.list();
      if (this.isAnnounced) this.lookForNamesake(replicas);
      await roster.announce(this.status());
      this.isAnnounced = true;
      this.others = replicas;
      this.lastProblem = '';
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.lastProblem) this.options.onProblem(`the other replicas: ${problem}`);
      this.lastProblem = problem;
    }
    // Something to tell may have come meanwhile, which does not wait.
    if (this.timer === null) this.soon(this.options.everyMs);
  }

  /** Two that share a name would share their places in the streams, and miss what the other one has taken. */
  private lookForNamesake(replicas: readonly LiveReplica[]): void {
    const { self, onProblem } = this.options;
    const other = replicas.find(({ id, startedAt }) => id === self.id && startedAt !== self.startedAt);
    if (other === undefined || this.isNamesakeTold) return;
    this.isNamesakeTold = true;
    onProblem(
      `another replica is called ${self.id}, too, since ${other.startedAt}: give each a cluster.replica of its own`,
    );
  }

  private status(): ReplicaStatus {
    const { self, aliasesRevision, bases } = this.options;
    const models = bases().flatMap(([model, base]) => {
      if (base === null) return [];
      const { ready, refused } = this.standingOf(model);
      const reasons = [...refused].map(([adapter, reason]) => ({ adapter, reason }));
      return [{ model, base, ready: [...ready], refused: reasons }];
    });
    return { ...self, aliasesRevision: aliasesRevision(), models, adoption: this.adoption };
  }

  private standingOf(model: string): Standing {
    let standing = this.standings.get(model);
    if (standing === undefined) {
      standing = { ready: new Set(), refused: new Map() };
      this.standings.set(model, standing);
    }
    return standing;
  }
}
