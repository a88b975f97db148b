/**
 * An adapter as the serving graph takes it: in the served version's basis, one pair of factors for each linear of the
 * graph, both with the rank as their first axis, so that adapters stack up row by row. With W' = Rᵀ·diag(g)·W for
 * readers of the residual stream, A' = Rᵀ·diag(g)·A; for writers B' = B·R; s divides what `up` gives and `down` reads.
 */
import type { DecoderConfig } from '../arch/config.ts';
import { type LayerLinear, layerLinears } from '../arch/decoder.ts';
import { scaleColumns, transpose } from '../import/matrix.ts';
import { decodeTensorFile, encodeTensorFile, type StoredTensor } from '../tensor/tensor-file.ts';
import { type Adapter, factorsOf, scaleOf } from './adapter.ts';
import type { Basis, LayerBasis } from './basis.ts';
import { type LoraTarget, targetSize } from './lora.ts';

export const servedFile = 'served.safetensors';

/** Rank rows that a linear takes for each of an adapter's: q, k and v have their own beside each other. */
export const rowsPerRank = (linear: LayerLinear): number => (linear === 'qkv' ? 3 : 1);

export interface ServedAdapter {
  readonly rank: number;
  /** α/r. */
  readonly scale: number;
  /** a [rows, in] and b [rows, out] by `servedName`; a linear that is missing is left as it is. */
  readonly factors: ReadonlyMap<string, StoredTensor>;
}

export const servedName = (layer: number, linear: LayerLinear, side: 'a' | 'b'): string =>
  `${layer}.${linear}.${side}`;

const partsOf: Readonly<Record<LayerLinear, readonly LoraTarget[]>> = {
  qkv: ['q', 'k', 'v'],
  o: ['o'],
  gate: ['gate'],
  up: ['up'],
  down: ['down'],
};

/** Linear of the graph that a target is, or is a part of. */
export const linearOf = (target: LoraTarget): LayerLinear =>
  layerLinears.find((linear) => partsOf[linear].includes(target))!;

export function toServed(adapter: Adapter, config: DecoderConfig, basis: Basis | null): ServedAdapter {
  const factors = new Map<string, StoredTensor>();
  const { rank, firstLayer } = adapter.shape;
  for (let layer = firstLayer; layer < config.numLayers; layer++) {
    for (const linear of layerLinears) {
      const parts = partsOf[linear].map((target) => turned(adapter, config, { layer, target, basis }));
      if (parts.every((part) => part === null)) continue;
      const sizes = partsOf[linear].map((target) => targetSize(config, target));
      const [inSize, outSize] = [sizes[0]![0], sizes.reduce((sum, [, out]) => sum + out, 0)];
      const rows = rank * parts.length;
      const a = new Float32Array(rows * inSize);
      const b = new Float32Array(rows * outSize);
      let column = 0;
      parts.forEach((part, index) => {
        const width = sizes[index]![1];
        if (part !== null) {
          a.set(part.a, index * rank * inSize);
          for (let row = 0; row < rank; row++) {
            const values = part.b.subarray(row * width, (row + 1) * width);
            b.set(values, (index * rank + row) * outSize + column);
          }
        }
        column += width;
      });
      factors.set(servedName(layer, linear, 'a'), { dims: [rows, inSize], data: a });
      factors.set(servedName(layer, linear, 'b'), { dims: [rows, outSize], data: b });
    }
  }
  return { rank, scale: scaleOf(adapter.shape), factors };
}

/** a [rank, in] and b [rank, out] in the served basis. */
function turned(
  adapter: Adapter,
  config: DecoderConfig,
  at: { readonly layer: number; readonly target: LoraTarget; readonly basis: Basis | null },
): { a: Float32Array; b: Float32Array } | null {
  const found = factorsOf(adapter, at.layer, at.target);
  if (found === null) return null;
  const [inSize] = targetSize(config, at.target);
  const a = transpose(found.a, inSize, adapter.shape.rank);
  const b = found.b.slice();
  if (at.basis !== null) turn(a, b, at.target, at.basis, at.basis.layers[at.layer]!);
  return { a, b };
}

function turn(
  a: Float32Array,
  b: Float32Array,
  target: LoraTarget,
  { rotation }: Basis,
  layer: LayerBasis,
): void {
  const { attentionGain, mlpGain, smoothing } = layer;
  if (target === 'o' || target === 'down') rotation.applyToRows(b);
  else {
    scaleColumns(a, target === 'gate' || target === 'up' ? mlpGain : attentionGain);
    rotation.applyToRows(a);
  }
  if (smoothing === null) return;
  if (target === 'down') scaleColumns(a, smoothing);
  if (target === 'up')
    scaleColumns(
      b,
      smoothing.map((factor) => 1 / factor),
    );
}

export function encodeServed({ rank, scale, factors }: ServedAdapter): Uint8Array {
  return encodeTensorFile({ tensors: factors, metadata: { rank: String(rank), scale: String(scale) } });
}

export function decodeServed(
  bytes: Uint8Array,
  config: DecoderConfig,
  refuse: (reason: string) => never,
): ServedAdapter {
  const { tensors, metadata } = decodeTensorFile(bytes, refuse);
  const [rank, scale] = [Number(metadata.rank), Number(metadata.scale)];
  if (!Number.isInteger(rank) || rank < 1 || !Number.isFinite(scale)) refuse('it names no rank or no scale');
  let known = 0;
  for (let layer = 0; layer < config.numLayers; layer++) {
    for (const linear of layerLinears) {
      const sizes = partsOf[linear].map((target) => targetSize(config, target));
      const out = sizes.reduce((sum, [, size]) => sum + size, 0);
      for (const [side, width] of [['a', sizes[0]![0]] as const, ['b', out] as const]) {
        const tensor = tensors.get(servedName(layer, linear, side));
        if (tensor === undefined) continue;
        known++;
        const rows = rank * rowsPerRank(linear);
        if (tensor.dims.length !== 2 || tensor.dims[0] !== rows || tensor.dims[1] !== width) {
          refuse(`${servedName(layer, linear, side)} is [${tensor.dims}], expected [${rows}, ${width}]`);
        }
      }
    }
  }
  if (known !== tensors.size) refuse('it holds tensors that belong to no linear of the model');
  return { rank, scale, factors: tensors };
}
