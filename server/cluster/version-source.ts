/** How a replica comes to have a version that another one has made. */
import type { VersionRef } from './version-ref.ts';

export interface VersionSource {
  /**
   * The version is here, whole and checked against its manifest, when it returns; of an adapter also what it was built on.
   * Throws version_not_found when there is none, and version_fetch_failed when it cannot be had at the moment.
   */
  ensure(ref: VersionRef): Promise<void>;
  /** Whoever waits is told that there is nothing to wait for. */
  close(): Promise<void>;
}
