/** What learning has to know of the other replicas, where there are any. */
import type { Aliases } from '../../core/registry/aliases.ts';
import type { CarriedLog } from '../cluster/carried-log.ts';
import type { Adoption, LiveReplica } from '../cluster/roster.ts';
import type { Keeper } from '../feedback/keeper.ts';
import type { StoredResponse } from '../feedback/stored-response.ts';
import type { AliasStore } from '../rollout/alias-store.ts';
import type { TrialObservation } from '../rollout/trial-observation.ts';

/** Another replica, or this one. */
export interface ReplicaView extends LiveReplica {
  /** Whether it serves what the latest aliases that anybody has heard of point to. */
  readonly isReady: boolean;
}

export interface Replica {
  /** Its name among them. */
  readonly id: string;
  /** The learner serves what its trainer publishes, and decides on trials; a follower goes where the aliases go. */
  readonly role: 'learner' | 'follower';
  /** Where what only the learner does is asked for; for people. */
  readonly learner: () => string;
  /** Whether it holds the lock of the learner; null for a follower. */
  readonly isLeader: () => boolean | null;
  /** Those that were heard of lately, this one among them. */
  readonly all: () => readonly ReplicaView[];
  /** None before it has joined the others. */
  readonly logs: () => readonly CarriedLog[];
  readonly aliases: AliasStore & {
    /** Calls with the aliases as they stand, and again whenever somebody has moved them, within about a second. */
    onChange(listener: (aliases: Aliases) => void): () => void;
  };
  /** The same keeper, which finds responses of other replicas too, and lets them know of what is appended. */
  readonly sharing: (keeper: Keeper) => Keeper;
  /** A response was kept that others may need, redacted. Quick, and never throws. */
  readonly onKept: (response: StoredResponse) => void;
  /** Bring the files of a version here, checked. Throw version_not_found, version_invalid, and what fetching throws. */
  readonly fetchAdapter: (id: string) => Promise<void>;
  readonly fetchBase: (model: string, version: string) => Promise<void>;
  /** Tells the others that a version is in this replica's engine, or why it cannot be. Never throws. */
  readonly tell: (model: string, adapter: string, error: unknown) => void;
  /** Tells the others how far it has followed the aliases. Never throws. */
  readonly adopted: (adoption: Adoption) => void;
  /**
   * Resolves when enough of those that serve the base have the version in their engines. Throws replicas_not_ready when they
   * have not after a while, cluster_unavailable.
   */
  readonly othersReady: (model: string, base: string, adapter: string) => Promise<void>;
  /** On its way to the learner, which decides. Quick, and never throws. */
  readonly observe: (observation: TrialObservation) => void;
}
