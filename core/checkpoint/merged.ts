/**
 * A checkpoint with adapters merged into its linears as they are read: W + Σ (α/r)·(A·B)ᵀ, W in Hugging Face's
 * [out, in]. The checkpoint below is never changed, so that merging again and again loses nothing.
 */
import { type Adapter, type Factors, factorsOf, misfitOf, scaleOf } from '../adapter/adapter.ts';
import { loraTargets } from '../adapter/lora.ts';
import { MillraceError } from '../errors.ts';
import { transpose } from '../import/matrix.ts';
import type { Checkpoint } from './checkpoint.ts';

/**
 * Adapters are in the checkpoint's basis; several are added in the order given. Names, shapes and stored types are those
 * of `source`, which the result owns: closing it closes both. Throws checkpoint_invalid for what does not fit.
 */
export function mergeAdapters(source: Checkpoint, adapters: readonly Adapter[]): Checkpoint {
  const { format, path, config, tokenizer, tensors } = source;
  const refuse = (reason: string): never => {
    throw new MillraceError('checkpoint_invalid', { path, reason });
  };
  if (config.kind !== 'decoder') return refuse('an encoder takes no adapters.');
  for (const adapter of adapters) {
    const misfit = misfitOf(adapter, config);
    if (misfit !== null) refuse(`an adapter does not fit it: ${misfit}.`);
  }
  return {
    format,
    path,
    config,
    tokenizer,
    tensors,
    async read(name) {
      const weight = await source.read(name);
      for (const adapter of adapters) {
        const factors = factorsFor(adapter, name);
        if (factors !== null) addProduct(weight, factors, adapter.shape.rank, scaleOf(adapter.shape));
      }
      return weight;
    },
    close: () => source.close(),
  };
}

const linearName = /^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)_proj\.weight$/;

function factorsFor(adapter: Adapter, name: string): Factors | null {
  const [, layer, linear] = linearName.exec(name) ?? [];
  const target = loraTargets.find((each) => each === linear);
  return target === undefined ? null : factorsOf(adapter, Number(layer), target);
}

/** weight [out, in] += scale · (a [in, rank] · b [rank, out])ᵀ; each element is rounded once. */
function addProduct(weight: Float32Array, { a, b }: Factors, rank: number, scale: number): void {
  const [inSize, outSize] = [a.length / rank, b.length / rank];
  const columns = transpose(a, inSize, rank);
  const row = new Float64Array(inSize);
  for (let out = 0; out < outSize; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[r * outSize + out]!;
      const start = r * inSize;
      if (factor !== 0) for (let i = 0; i < inSize; i++) row[i]! += factor * columns[start + i]!;
    }
    const start = out * inSize;
    for (let i = 0; i < inSize; i++) weight[start + i]! += row[i]!;
  }
}
