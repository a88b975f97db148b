/**
 * Stored responses that replicas lend each other: what one has kept, the others find on a shelf while it is kept. Texts
 * were redacted by who kept them. What is too large, or comes while too much is on its way, is known to its replica alone.
 */
import type { StoredResponse } from '../feedback/stored-response.ts';
import { pause } from './pause.ts';
import type { Shelf } from './shelf.ts';

export interface SharedResponsesOptions {
  readonly shelf: Shelf;
  /** From when it was made. */
  readonly keepMs: number;
  /** Of one, as JSON; its length in characters. */
  readonly maxCharacters: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** On their way to the shelf. */
const maxUnderWay = 64;
/** Before each try to put one there: a command that took too long, or a connection that is made anew, costs no response. */
const triesMs = [0, 250, 1_000, 2_500];
/** Between looks: whoever has just been answered may give feedback before the response has come to the shelf. */
const looksMs = [0, 50, 150, 300];

export class SharedResponses {
  /** Responses that were not put on the shelf. */
  numUnshared = 0;
  private readonly options: SharedResponsesOptions;
  private readonly underWay = new Set<Promise<void>>();
  private readonly closing = new AbortController();

  constructor(options: SharedResponsesOptions) {
    this.options = options;
  }

  /** Without a promise that it works. */
  put(response: StoredResponse): void {
    const { shelf, keepMs, maxCharacters, now } = this.options;
    const text = JSON.stringify(response);
    const leftMs = response.createdMs + keepMs - now();
    if (text.length > maxCharacters || this.underWay.size >= maxUnderWay || leftMs <= 0) {
      this.numUnshared++;
      return;
    }
    const putting = this.insist(() => shelf.put(response.id, text, leftMs)).finally(() => {
      this.underWay.delete(putting);
    });
    this.underWay.add(putting);
  }

  /** Tries at once, for the last time, what has not come to the shelf yet. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.underWay);
  }

  /** Never rejects. */
  private async insist(put: () => Promise<void>): Promise<void> {
    const { signal } = this.closing;
    for (const waitMs of triesMs) {
      if (waitMs > 0 && !signal.aborted) await pause(waitMs, signal).catch(() => null);
      const isThere = await put().then(
        () => true,
        () => false,
      );
      if (isThere) return;
    }
    this.numUnshared++;
  }

  /** Null when there is none and none comes within half a second, or when it is another tenant's. Throws what the shelf throws. */
  async find(id: string, tenant: string): Promise<StoredResponse | null> {
    if (!isResponseId(id)) return null;
    const { keepMs, now } = this.options;
    const text = await this.look(id);
    const response = text === null ? null : parse(text);
    if (response === null || response.id !== id || response.tenant !== tenant) return null;
    return now() < response.createdMs + keepMs ? response : null;
  }

  private async look(id: string): Promise<string | null> {
    for (const waitMs of looksMs) {
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const text = await this.options.shelf.get(id);
      if (text !== null) return text;
    }
    return null;
  }
}

/** What a client sends becomes part of a name on the shelf. */
const isResponseId = (id: string): boolean => /^[\w.:-]{1,128}$/.test(id);

function parse(text: string): StoredResponse | null {
  try {
    return JSON.parse(text) as StoredResponse;
  } catch {
    return null;
  }
}
