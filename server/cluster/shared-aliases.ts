/** The one document that says what all replicas serve, and how it is replaced without losing another one's change. */
import type { Aliases } from '../../core/registry/aliases.ts';

/** Of the document as JSON, in UTF-8. */
export const maxAliasesBytes = 4 * 2 ** 20;

export interface Replacing {
  /** Of the document that the change was made on; 0 when there was none. */
  readonly expectedRevision: number;
  /** Of who leads; null for a change that anybody may make. */
  readonly fence: number | null;
}

export type Replaced =
  | { readonly result: 'done' }
  /** Another change came first; null when the document is gone. */
  | { readonly result: 'conflict'; readonly current: Aliases | null }
  /** A later leader's token is known: nothing was changed. */
  | { readonly result: 'fenced' };

/** Hears of the document as it is now; null when there is none any more. Must not throw. */
export type AliasesListener = (aliases: Aliases | null) => void;

export interface SharedAliases {
  /** Null when none was ever written, or all was lost. Throws cluster_unavailable. */
  read(): Promise<Aliases | null>;
  /**
   * Replaces the whole document if it is the expected one. `next.revision` must be larger than the expected one. Whoever gets
   * cluster_unavailable does not know whether it was replaced, and reads it again.
   * Throws invalid_argument for a document of more than maxAliasesBytes, cluster_unavailable.
   */
  replace(next: Aliases, options: Replacing): Promise<Replaced>;
  /**
   * Calls with the document as it is, and then whenever its revision has changed, upwards or, after a loss of data,
   * downwards: within about a second, and mostly at once. Revisions that follow closely may be skipped. Ends the calls
   * when the result is called.
   */
  onChange(listener: AliasesListener): () => void;
  close(): Promise<void>;
}
