/** Which precision each linear may get, for each quantization that can be asked for. */
import type { LayerLinear } from '../arch/decoder.ts';
import type { LinearFormat } from './store.ts';

export const quantizations = ['fp32', 'int8', 'int8-block', 'int4'] as const;
export type Quantization = (typeof quantizations)[number];

export interface Recipe {
  readonly rotate: 'residual' | 'none';
  /** Whether activations are looked at, to smooth and to choose. */
  readonly calibrated: boolean;
  /** Formats allowed for a linear, the fastest first. */
  options(linear: LayerLinear | 'head'): readonly LinearFormat[];
  /** Linears for which the choice among options is made by measured error. */
  readonly choosable: readonly LayerLinear[];
  /** Index of the option to use, given the relative squared output error of each. */
  choose(errors: readonly number[]): number;
}

/**
 * Scale of activations behind a norm: after the rotation they look Gaussian with unit variance, so a constant
 * ±4 covers all but 6 in 100,000 of them; measured on three texts, see docs/adr/0005-quantization.md.
 */
const normed: LinearFormat = { kind: 'int8', activation: { kind: 'static', scale: 4 / 127 } };
const byRow: LinearFormat = { kind: 'int8', activation: { kind: 'row' } };
const block8: LinearFormat = { kind: 'block', bits: 8 };
const block4: LinearFormat = { kind: 'block', bits: 4 };

/**
 * A slower option is taken where the faster one's error is large against the residual stream, as in a few first and
 * last layers, or where the slower one is better by far: there, single tokens have outliers that no scale fits.
 * Measured in docs/adr/0005-quantization.md.
 */
const maxError = 3e-5;
const farBetter = 10;

function chooseFastestWithin(errors: readonly number[]): number {
  let best = 0;
  for (let index = 1; index < errors.length; index++) {
    const gain = errors[best]! / errors[index]!;
    if (gain > farBetter || (gain > 2 && errors[best]! > maxError)) best = index;
  }
  return best;
}

function fixed(rotate: Recipe['rotate'], format: (linear: LayerLinear | 'head') => LinearFormat): Recipe {
  return { rotate, calibrated: false, options: (linear) => [format(linear)], choosable: [], choose: () => 0 };
}

export function recipeFor(quantization: Quantization): Recipe {
  switch (quantization) {
    case 'fp32':
      return fixed('none', () => ({ kind: 'fp32' }));
    case 'int8-block':
      return fixed('residual', () => block8);
    case 'int4':
      // Unrotated: a 4-bit file keeps its own grid.
      return fixed('none', (linear) => (linear === 'head' ? block8 : block4));
    case 'int8':
      return {
        rotate: 'residual',
        calibrated: true,
        options: (linear) => {
          return linear === 'o' || linear === 'down' ? [byRow, block8] : [normed];
        },
        choosable: ['o', 'down'],
        choose: chooseFastestWithin,
      };
  }
}
