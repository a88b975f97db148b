/**
 * Finds stop strings in a text that arrives in pieces. Text that may be the beginning of a stop string is held
 * back until it is decided. Linear: each piece is searched once, with at most the longest stop string before it.
 */
export interface StopMatch {
  /** Text that is certain now, without any part of a stop string. */
  readonly text: string;
  readonly stopped: boolean;
}

export class StopMatcher {
  private readonly stops: readonly string[];
  private held = '';

  constructor(stops: readonly string[]) {
    this.stops = stops;
  }

  push(piece: string): StopMatch {
    if (this.stops.length === 0) return { text: piece, stopped: false };
    const text = this.held + piece;
    const found = this.firstStop(text);
    if (found >= 0) {
      this.held = '';
      return { text: text.slice(0, found), stopped: true };
    }
    const keep = this.possibleStart(text);
    this.held = text.slice(keep);
    return { text: text.slice(0, keep), stopped: false };
  }

  /** What was held back, at the end of the text. */
  flush(): string {
    const text = this.held;
    this.held = '';
    return text;
  }

  private firstStop(text: string): number {
    const places = this.stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    return places.length === 0 ? -1 : Math.min(...places);
  }

  /** Where the longest suffix begins that some stop string starts with; the text's length if there is none. */
  private possibleStart(text: string): number {
    const longest = Math.max(...this.stops.map((stop) => stop.length)) - 1;
    for (let start = Math.max(0, text.length - longest); start < text.length; start++) {
      const suffix = text.slice(start);
      if (this.stops.some((stop) => stop.startsWith(suffix))) return start;
    }
    return text.length;
  }
}
