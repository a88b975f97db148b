/** Who leads: one process at a time, under a token that lets writes of an earlier leader be told from those of the present one. */

export interface Leader {
  /** As it named itself: a name that no other process has, nor this one's predecessor. */
  readonly holder: string;
  readonly fence: number;
}

export interface LeaderLock {
  /**
   * The fencing token of a new term; null while another one leads. Tokens are whole numbers, and each is larger than all
   * before it, also after the lock has expired or was lost with what kept it. Calling it again while leading begins a
   * new term of the same holder.
   * Throws cluster_unavailable; the lock may have been taken then, and nobody has it until it expires.
   */
  acquire(): Promise<number | null>;
  /**
   * Keeps the lock for another `ttlMs`. False: it was lost, to another one or to time, and nothing may be done under the
   * token any more. Throws cluster_unavailable, and then the lock ends `ttlMs` after the last renewal that succeeded.
   */
  renew(fence: number): Promise<boolean>;
  /** Gives the lock up if it is still held under this token. Throws cluster_unavailable. */
  release(fence: number): Promise<void>;
  /** Who leads now; null when nobody does. Throws cluster_unavailable. */
  leader(): Promise<Leader | null>;
}
