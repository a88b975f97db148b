/** Which precision each linear gets, for each quantization that can be asked for. */
import type { Quantization, Recipe } from './decoder-weights.ts';

/**
 * Scale of activations behind a norm: after the rotation they look Gaussian with unit variance, so a constant
 * ±4 covers all but 6 in 100,000 of them; measured on two texts, see docs/adr/0005-quantization.md.
 */
const normedActivation = { kind: 'static', scale: 4 / 127 } as const;

export function recipeFor(quantization: Quantization): Recipe {
  switch (quantization) {
    case 'fp32':
      return { rotate: 'none', format: () => ({ kind: 'fp32' }) };
    case 'int8':
      return {
        rotate: 'residual',
        format: (linear) => ({
          kind: 'int8',
          activation: linear === 'o' || linear === 'down' ? { kind: 'row' } : normedActivation,
        }),
      };
    case 'int8-block':
      return { rotate: 'residual', format: () => ({ kind: 'block', bits: 8 }) };
    case 'int4':
      // Unrotated: a 4-bit file keeps its own grid.
      return { rotate: 'none', format: (linear) => ({ kind: 'block', bits: linear === 'head' ? 8 : 4 }) };
  }
}
