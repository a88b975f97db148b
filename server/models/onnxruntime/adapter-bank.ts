/**
 * The resident adapters' factors, one below the other: for each linear a buffer a [rows, in] and b [rows, out], in which
 * an adapter of rank r has r neighbouring rows (of q, k and v together 3·r). A step sees the groups of rows from the first
 * to the last adapter that it uses, without a copy; a mask keeps each token to its own adapter's rows. Of a linear that none
 * of these adapters changes it sees one group of zeros, the same in all layers, which stays in the CPU's cache.
 */
import { Tensor } from 'onnxruntime-node';
import { rowsPerRank, type ServedAdapter, servedName } from '../../../core/adapter/served.ts';
import type { DecoderConfig } from '../../../core/arch/config.ts';
import { type LayerLinear, layerLinears, linearSizes } from '../../../core/arch/decoder.ts';
import { loraGroup, loraMaskName, loraName } from '../../../core/arch/serving-graph.ts';
import { NoAdapterRoomError } from '../../batching/engine.ts';

interface Resident {
  readonly start: number;
  readonly rank: number;
  readonly scale: number;
  /** That it changes in any layer. */
  readonly linears: ReadonlySet<LayerLinear>;
}

/** What a step sees of the rows. */
export interface Window {
  readonly start: number;
  readonly end: number;
  /** Linears that any of its adapters changes in any layer. */
  readonly changed: ReadonlySet<LayerLinear>;
}

/** Combinations of adapters whose tensors are kept; a tensor is a few objects, no memory. */
const maxViews = 16;

export class AdapterBank {
  private readonly config: DecoderConfig;
  private readonly maxRows: number;
  private readonly buffers = new Map<string, { a: Float32Array; b: Float32Array }>();
  /** Linears of which any row was ever more than the zeros that it began with; pages of the others are not taken. */
  private readonly written = new Set<LayerLinear>();
  private readonly residents = new Map<string, Resident>();
  private readonly zeros: { readonly a: Float32Array; readonly b: Float32Array };
  private readonly views = new Map<string, Readonly<Record<string, Tensor>>>();

  /** `maxRows` is the sum of the ranks of all adapters that are resident at once. Pages are taken as they are used. */
  constructor(config: DecoderConfig, maxRows: number) {
    this.config = config;
    this.maxRows = maxRows;
    const widest = (side: 0 | 1): number =>
      Math.max(...Object.values(linearSizes(config)).map((size) => size[side]));
    this.zeros = {
      a: new Float32Array(loraGroup * widest(0)),
      b: new Float32Array(loraGroup * widest(1)),
    };
    const ofGroups = Math.ceil(maxRows / loraGroup) * loraGroup;
    for (const { key, linear, size } of this.linears()) {
      const rows = ofGroups * rowsPerRank(linear);
      this.buffers.set(key, {
        a: new Float32Array(rows * size[0]),
        b: new Float32Array(rows * size[1]),
      });
    }
  }

  /** Takes rows for the adapter; each call of the result copies one layer, and says whether all are there. */
  stage(id: string, adapter: ServedAdapter): () => boolean {
    if (this.residents.has(id)) return () => true;
    const start = this.findRoom(adapter.rank);
    const resident = { start, rank: adapter.rank, scale: adapter.scale, linears: this.linearsOf(adapter) };
    this.residents.set(id, resident);
    for (const linear of resident.linears) this.written.add(linear);
    let layer = 0;
    return () => {
      if (layer < this.config.numLayers) this.copyLayer(layer++, adapter, resident);
      return layer === this.config.numLayers;
    };
  }

  drop(id: string): void {
    this.residents.delete(id);
  }

  /** For the adapters of a step's tokens, null for those that have none. */
  windowOf(adapters: readonly (string | null)[]): Window {
    const used = [...new Set(adapters)].flatMap((id) => (id === null ? [] : this.residents.get(id)!));
    const changed = new Set(used.flatMap(({ linears }) => [...linears]));
    if (used.length === 0) return { start: 0, end: 0, changed };
    const firstGroup = Math.floor(Math.min(...used.map(({ start }) => start)) / loraGroup);
    const endGroup = Math.ceil(Math.max(...used.map(({ start, rank }) => start + rank)) / loraGroup);
    return { start: firstGroup * loraGroup, end: endGroup * loraGroup, changed };
  }

  /** Inputs of a graph with adapters on `adapted`, for tokens in order and their window. */
  feeds(
    adapters: readonly (string | null)[],
    window: Window,
    adapted: readonly LayerLinear[],
  ): Readonly<Record<string, Tensor>> {
    if (adapted.length === 0) return {};
    return { ...this.view(window, adapted), ...this.masks(adapters, window, adapted) };
  }

  private masks(
    adapters: readonly (string | null)[],
    window: Window,
    adapted: readonly LayerLinear[],
  ): Record<string, Tensor> {
    const zeros = new Tensor('float32', new Float32Array(adapters.length * loraGroup), [
      1,
      adapters.length,
      loraGroup,
    ]);
    const byRows = new Map<number, Tensor>();
    return Object.fromEntries(
      adapted.map((linear) => {
        if (!window.changed.has(linear)) return [loraMaskName(linear), zeros];
        const each = rowsPerRank(linear);
        const mask = byRows.get(each) ?? this.mask(adapters, window, each);
        byRows.set(each, mask);
        return [loraMaskName(linear), mask];
      }),
    );
  }

  /** Of linears that take so many rows for each of an adapter's. */
  private mask(adapters: readonly (string | null)[], { start, end }: Window, each: number): Tensor {
    const numTokens = adapters.length;
    const mask = new Float32Array(numTokens * (end - start) * each);
    const at = (row: number, token: number): number =>
      (Math.floor(row / loraGroup) * numTokens + token) * loraGroup + (row % loraGroup);
    adapters.forEach((id, token) => {
      if (id === null) return;
      const { start: own, rank, scale } = this.residents.get(id)!;
      const first = own - start;
      for (let row = each * first; row < each * (first + rank); row++) mask[at(row, token)] = scale;
    });
    return new Tensor('float32', mask, [((end - start) * each) / loraGroup, numTokens, loraGroup]);
  }

  private view(window: Window, adapted: readonly LayerLinear[]): Readonly<Record<string, Tensor>> {
    const name = `${window.start}-${window.end} of ${[...window.changed].sort()} in ${adapted}`;
    const known = this.views.get(name);
    if (known !== undefined) return known;
    const tensors: Record<string, Tensor> = {};
    for (const { key, layer, linear, size } of this.linears()) {
      if (!adapted.includes(linear)) continue;
      const isChanged = window.changed.has(linear);
      const each = rowsPerRank(linear);
      const [first, last] = isChanged ? [window.start * each, window.end * each] : [0, loraGroup];
      const numGroups = (last - first) / loraGroup;
      const { a, b } = isChanged ? this.buffers.get(key)! : this.zeros;
      const [rowsOfA, rowsOfB] = [
        a.subarray(first * size[0], last * size[0]),
        b.subarray(first * size[1], last * size[1]),
      ];
      tensors[loraName(layer, linear, 'a')] = new Tensor('float32', rowsOfA, [numGroups, loraGroup, size[0]]);
      tensors[loraName(layer, linear, 'b')] = new Tensor('float32', rowsOfB, [last - first, size[1]]);
    }
    if (this.views.size >= maxViews) this.views.delete(this.views.keys().next().value!);
    this.views.set(name, tensors);
    return tensors;
  }

  /**
   * First rows of a gap that is large enough, from a multiple of the rank (of the power of two above it) on: the runtime adds
   * up 128 rows at a time, which then cuts no adapter in two.
   */
  private findRoom(rank: number): number {
    const step = 2 ** Math.ceil(Math.log2(rank));
    const taken = [...this.residents.values()].sort((a, b) => a.start - b.start);
    let start = 0;
    for (const resident of taken) {
      if (resident.start - start >= rank) return start;
      start = Math.ceil((resident.start + resident.rank) / step) * step;
    }
    if (start + rank <= this.maxRows) return start;
    throw new NoAdapterRoomError(
      `no room for an adapter of rank ${rank}: ${taken.length} are loaded, of ${this.maxRows} rows in all`,
    );
  }

  private linearsOf({ factors }: ServedAdapter): Set<LayerLinear> {
    const changed = this.linears().filter(({ layer, linear }) => factors.has(servedName(layer, linear, 'a')));
    return new Set(changed.map(({ linear }) => linear));
  }

  private copyLayer(layer: number, adapter: ServedAdapter, { start, rank }: Resident): void {
    for (const linear of layerLinears) {
      const size = linearSizes(this.config)[linear];
      const each = rowsPerRank(linear);
      const buffers = this.buffers.get(servedName(layer, linear, 'a'))!;
      for (const [side, width] of [['a', size[0]] as const, ['b', size[1]] as const]) {
        const factors = adapter.factors.get(servedName(layer, linear, side));
        const [from, to] = [start * each * width, (start + rank) * each * width];
        if (factors !== undefined) buffers[side].set(factors.data, from);
        else if (this.written.has(linear)) buffers[side].fill(0, from, to);
      }
    }
  }

  private linears(): { key: string; layer: number; linear: LayerLinear; size: readonly [number, number] }[] {
    const sizes = linearSizes(this.config);
    return Array.from({ length: this.config.numLayers }, (_, layer) =>
      layerLinears.map((linear) => ({
        key: servedName(layer, linear, 'a'),
        layer,
        linear,
        size: sizes[linear],
      })),
    ).flat();
  }
}
