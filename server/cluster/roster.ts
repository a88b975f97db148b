/** Which replicas are alive, and what each of them has in its engine. */

export type ReplicaRole = 'learner' | 'follower';

/** What a replica serves of one model. */
export interface ReplicaModel {
  readonly model: string;
  /** Digest of the base version, "sha256:…". */
  readonly base: string;
  /** Adapters that are in the engine, or could be at once. */
  readonly ready: readonly string[];
  /** Adapters that it cannot serve, and why. */
  readonly refused: readonly { readonly adapter: string; readonly reason: string }[];
}

export interface ReplicaStatus {
  /** Unique among the replicas. */
  readonly id: string;
  /** Where its API is reached by others; null when nobody has said so. */
  readonly url: string | null;
  /** Where it offers the files of versions; null where it offers none. */
  readonly filesUrl: string | null;
  readonly role: ReplicaRole;
  /** Of the program. */
  readonly version: string;
  /** When it started, ISO 8601. */
  readonly startedAt: string;
  /** Of the aliases that it serves by. */
  readonly aliasesRevision: number;
  readonly models: readonly ReplicaModel[];
  /** How far it has followed the aliases; an earlier program does not say. */
  readonly adoption?: Adoption;
}

export interface Adoption {
  /** Of the aliases that it has tried to follow last. */
  readonly revision: number;
  /** What those point to and it does not serve. */
  readonly missing: readonly MissingVersion[];
}

export interface MissingVersion {
  readonly model: string;
  /** Null for a base, which is all tenants'. */
  readonly tenant: string | null;
  /** Adapter, or digest of a base. */
  readonly version: string;
  readonly reason: string;
}

export interface LiveReplica extends ReplicaStatus {
  /** Since its last announcement. */
  readonly seenMsAgo: number;
}

/** Of one status as JSON. */
export const maxStatusBytes = 256 * 2 ** 10;
/** Beyond so many, new replicas are not listed. */
export const maxReplicas = 1_000;

export interface Roster {
  /**
   * Says that a replica lives, and how it stands; to be repeated well within the time to live.
   * Throws invalid_argument for a status of more than maxStatusBytes, cluster_unavailable.
   */
  announce(status: ReplicaStatus): Promise<void>;
  /** Takes a replica off the list before its time. Throws cluster_unavailable. */
  leave(id: string): Promise<void>;
  /** Those that were heard of within the time to live, by id. Throws cluster_unavailable. */
  list(): Promise<readonly LiveReplica[]>;
}

/** Whether each serves what the latest aliases point to that any of them has heard of. */
export function withReadiness<Status extends Pick<ReplicaStatus, 'aliasesRevision' | 'adoption'>>(
  replicas: readonly Status[],
): (Status & { readonly isReady: boolean })[] {
  const latest = Math.max(0, ...replicas.map(({ aliasesRevision }) => aliasesRevision));
  return replicas.map((each) => {
    const { revision, missing } = each.adoption ?? { revision: each.aliasesRevision, missing: [] };
    return { ...each, isReady: revision >= latest && missing.length === 0 };
  });
}

/** How many of the replicas that serve the base have an adapter ready. */
export interface Readiness {
  readonly ready: number;
  readonly refused: number;
  /** Ready, refused, or not that far yet. */
  readonly live: number;
}

/** Replicas with another base, or without the model, do not count: no alias of this base concerns them. */
export function readinessOf(
  replicas: readonly Pick<ReplicaStatus, 'models'>[],
  { model, base, adapter }: { readonly model: string; readonly base: string; readonly adapter: string },
): Readiness {
  const serving = replicas
    .flatMap(({ models }) => models)
    .filter((each) => each.model === model && each.base === base);
  return {
    ready: serving.filter(({ ready }) => ready.includes(adapter)).length,
    refused: serving.filter(({ refused }) => refused.some((each) => each.adapter === adapter)).length,
    live: serving.length,
  };
}

/** Whether so many percent of the live ones are ready; of none at all, none has to be. */
export const isEnough = ({ ready, live }: Readiness, percent: number): boolean =>
  ready * 100 >= live * percent;
