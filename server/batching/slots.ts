/**
 * Who sits in which slot. Decoding sequences always fill slots 0, 1, … without a hole, because attention reads
 * their cache as one block; a prompt being computed sits in any slot behind them.
 */
import { invariant } from '../../core/invariant.ts';
import type { StepEngine } from './engine.ts';
import type { Sequence } from './sequence.ts';

export class Slots {
  private readonly engine: StepEngine;
  private readonly seats: (Sequence | null)[];
  private decoding = 0;

  constructor(engine: StepEngine) {
    this.engine = engine;
    this.seats = Array.from({ length: engine.numSlots }, () => null);
  }

  get numFree(): number {
    return this.seats.filter((seat) => seat === null).length;
  }

  get numDecoding(): number {
    return this.decoding;
  }

  /** Sequences in slots, by slot. */
  get running(): Sequence[] {
    return this.seats.filter((seat) => seat !== null);
  }

  /** Gives the sequence the first slot behind the decoding ones: it will rarely have to move. */
  seat(sequence: Sequence): void {
    const slot = this.seats.indexOf(null, this.decoding);
    invariant(slot >= 0, 'a free slot');
    this.seats[slot] = sequence;
    sequence.slot = slot;
  }

  /** The prompt is computed: the sequence joins the decoding ones. */
  promote(sequence: Sequence): void {
    invariant(sequence.slot !== null && sequence.slot >= this.decoding, 'only a prompt is promoted');
    const target = this.decoding;
    if (sequence.slot !== target) {
      invariant(this.seats[target] === null, 'one prompt at a time');
      this.move(sequence, target);
    }
    this.decoding++;
    sequence.isDecoding = true;
  }

  /** Takes the slot away and closes the hole it leaves. */
  release(sequence: Sequence): void {
    const slot = sequence.slot;
    invariant(slot !== null && this.seats[slot] === sequence, 'the sequence sits in its slot');
    this.seats[slot] = null;
    sequence.slot = null;
    sequence.isDecoding = false;
    if (slot >= this.decoding) return;
    this.decoding--;
    const last = this.seats[this.decoding];
    if (last) this.move(last, slot);
  }

  /** Throws where the arrangement is broken; for tests. */
  checkIntegrity(): void {
    this.seats.forEach((sequence, slot) => {
      invariant(sequence === null || sequence.slot === slot, 'seat and sequence agree');
      invariant((sequence?.isDecoding ?? false) === slot < this.decoding, 'decoding slots have no hole');
    });
  }

  private move(sequence: Sequence, to: number): void {
    this.engine.copySlot(sequence.slot!, to, sequence.numComputed);
    this.seats[sequence.slot!] = null;
    this.seats[to] = sequence;
    sequence.slot = to;
  }
}
