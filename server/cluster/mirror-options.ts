/** What every carrier of logs between replicas needs. */
export interface MirrorOptions {
  /** Id of this replica: the name of its groups. */
  readonly origin: string;
  /** Between looks at a stream. */
  readonly pollMs: number;
  /** Replicas that have not read for so long are forgotten: coming back they read what the stream still holds. */
  readonly groupIdleMs: number;
  readonly onProblem: (message: string) => void;
}
