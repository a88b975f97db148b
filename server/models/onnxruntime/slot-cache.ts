/**
 * The key and value rows of all slots: one buffer per layer and part, [slots, kvHeads, maxContext, headSize] fp32.
 * The memory is reserved at once, but the system backs a page only when it is first written.
 */
import { Tensor } from 'onnxruntime-node';
import type { DecoderConfig } from '../../../core/arch/config.ts';
import type { CacheBlock } from '../../batching/engine.ts';

export class SlotCache {
  /** Index 2 · layer + (0 for k, 1 for v). */
  private readonly buffers: Float32Array[];
  private readonly views = new Map<number, Tensor[]>();
  private readonly numSlots: number;
  private readonly numHeads: number;
  private readonly maxContext: number;
  private readonly headSize: number;
  private readonly headStride: number;
  private readonly slotStride: number;

  constructor(config: DecoderConfig, numSlots: number, maxContext: number) {
    this.numSlots = numSlots;
    this.numHeads = config.numKvHeads;
    this.maxContext = maxContext;
    this.headSize = config.headSize;
    this.headStride = maxContext * config.headSize;
    this.slotStride = this.headStride * this.numHeads;
    this.buffers = Array.from(
      { length: 2 * config.numLayers },
      () => new Float32Array(numSlots * this.slotStride),
    );
  }

  get bytesPerToken(): number {
    return this.buffers.length * this.numHeads * this.headSize * 4;
  }

  /** Tensors over the memory of `count` slots from `first` on, in buffer order. */
  view(first: number, count: number): readonly Tensor[] {
    const key = first * (this.numSlots + 1) + count;
    let tensors = this.views.get(key);
    if (tensors === undefined) {
      const dims = [count, this.numHeads, this.maxContext, this.headSize];
      const [start, end] = [first * this.slotStride, (first + count) * this.slotStride];
      tensors = this.buffers.map((buffer) => new Tensor('float32', buffer.subarray(start, end), dims));
      this.views.set(key, tensors);
    }
    return tensors;
  }

  /** Copies the first `length` tokens of one slot over another's. */
  copySlot(from: number, to: number, length: number): void {
    for (const buffer of this.buffers) {
      for (let head = 0; head < this.numHeads; head++) {
        const source = from * this.slotStride + head * this.headStride;
        const target = to * this.slotStride + head * this.headStride;
        buffer.copyWithin(target, source, source + length * this.headSize);
      }
    }
  }

  readBlock(slot: number, start: number, count: number, reuse?: Float32Array): CacheBlock {
    const rows = count * this.headSize;
    const data = reuse ?? new Float32Array(this.buffers.length * this.numHeads * rows);
    let at = 0;
    for (const buffer of this.buffers) {
      for (let head = 0; head < this.numHeads; head++, at += rows) {
        const source = this.rowOffset(slot, head, start);
        data.set(buffer.subarray(source, source + rows), at);
      }
    }
    return { count, bytes: data.byteLength, data };
  }

  writeBlock(slot: number, start: number, block: CacheBlock): void {
    const rows = block.count * this.headSize;
    let at = 0;
    for (const buffer of this.buffers) {
      for (let head = 0; head < this.numHeads; head++, at += rows) {
        buffer.set(block.data.subarray(at, at + rows), this.rowOffset(slot, head, start));
      }
    }
  }

  private rowOffset(slot: number, head: number, token: number): number {
    return slot * this.slotStride + head * this.headStride + token * this.headSize;
  }
}
