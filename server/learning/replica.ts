/** What learning has to know of the other replicas, where there are any. */
import type { Aliases } from '../../core/registry/aliases.ts';
import type { AliasStore } from '../rollout/alias-store.ts';
import type { TrialObservation } from '../rollout/trial-observation.ts';

export interface Replica {
  /** The learner serves what its trainer publishes, and decides on trials; a follower goes where the aliases go. */
  readonly role: 'learner' | 'follower';
  /** Where what only the learner does is asked for; for people. */
  readonly learner: () => string;
  readonly aliases: AliasStore & {
    /** Calls with the aliases as they stand, and again whenever somebody has moved them, within about a second. */
    onChange(listener: (aliases: Aliases) => void): () => void;
  };
  /** Bring the files of a version here, checked. Throw version_not_found, version_invalid, and what fetching throws. */
  readonly fetchAdapter: (id: string) => Promise<void>;
  readonly fetchBase: (model: string, version: string) => Promise<void>;
  /** Tells the others that a version is in this replica's engine, or why it cannot be. Never throws. */
  readonly tell: (model: string, adapter: string, error: unknown) => void;
  /** Resolves when enough of the others have the version in their engines, or it was waited for long enough. Never rejects. */
  readonly othersReady: (model: string, adapter: string) => Promise<void>;
  /** On its way to the learner, which decides. Quick, and never throws. */
  readonly observe: (observation: TrialObservation) => void;
}
