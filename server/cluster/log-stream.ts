/** A bounded stream that carries the lines of logs from one replica to all others: each reads it as a group of its own. */

/** Texts that are appended at once at most, and their length together. */
export const maxAppend = { records: 64, characters: 512 * 2 ** 10 } as const;

export interface StreamEntry {
  /** Given by the stream; only grows. */
  readonly id: string;
  /** As it was appended; null where it was dropped before its reader had acknowledged it. */
  readonly text: string | null;
}

export interface StreamRead {
  readonly entries: readonly StreamEntry[];
  /** Entries behind the last that the group was given were dropped, since the stream is bounded: it never gets them. */
  readonly isBehind: boolean;
  /** The group was not known. */
  readonly isNew: boolean;
}

/**
 * What became of an entry. Held: it and all before it that the bound allows are there. Dropped: for the stream's bound.
 * Lost: the stream has lost its end, as a store without its last writes does.
 */
export type EntryState = 'held' | 'dropped' | 'lost';

export interface LogStream {
  /**
   * All of them or, when it throws, perhaps all of them nevertheless. Returns the id of the last; null, and nothing is
   * appended, where the entry `after`, which the same writer has appended last, is lost.
   */
  append(texts: readonly string[], after: string | null): Promise<string | null>;
  stateOf(id: string): Promise<EntryState>;
  /** Whether it has dropped entries for its bound, or is about to. */
  isCut(): Promise<boolean>;
  /**
   * What the group was given and has not acknowledged, or what it was not given yet, the oldest first. A group that is
   * not known begins with all that the stream still holds.
   */
  read(group: string, which: 'pending' | 'new', maxEntries: number): Promise<StreamRead>;
  /** The group is not known any more. Whether it had been given anything. */
  forget(group: string): Promise<boolean>;
  acknowledge(group: string, ids: readonly string[]): Promise<void>;
  /** Removes groups that have not read for so long. Returns their names. */
  dropGroups(idleMs: number): Promise<string[]>;
}
