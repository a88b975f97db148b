/** A shelf within one process, for tests. Bounded; the oldest go. */
import type { Shelf } from './shelf.ts';

export class FakeShelf implements Shelf {
  private readonly maxTexts: number;
  /** Monotonic, milliseconds. */
  private readonly nowMs: () => number;
  private readonly texts = new Map<string, { readonly text: string; readonly untilMs: number }>();

  constructor(maxTexts: number, nowMs: () => number) {
    this.maxTexts = maxTexts;
    this.nowMs = nowMs;
  }

  async put(name: string, text: string, keepMs: number): Promise<void> {
    this.texts.delete(name);
    this.texts.set(name, { text, untilMs: this.nowMs() + keepMs });
    if (this.texts.size > this.maxTexts) this.texts.delete(this.texts.keys().next().value!);
  }

  async get(name: string): Promise<string | null> {
    const found = this.texts.get(name);
    return found !== undefined && this.nowMs() < found.untilMs ? found.text : null;
  }
}
