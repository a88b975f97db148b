/** Rotary position tables (Su et al. 2021), with the frequency scalings that checkpoints ask for. */
import type { DecoderConfig, RopeScaling } from './config.ts';

/** cos and sin of position · frequency, each [maxContext, headSize / 2]. */
export function ropeTables(config: DecoderConfig): { cos: Float32Array; sin: Float32Array } {
  const half = config.headSize / 2;
  const cos = new Float32Array(config.maxContext * half);
  const sin = new Float32Array(config.maxContext * half);
  for (let i = 0; i < half; i++) {
    const frequency = scaled(config.ropeTheta ** (-i / half), i, config.ropeScaling);
    for (let position = 0; position < config.maxContext; position++) {
      cos[position * half + i] = Math.cos(position * frequency);
      sin[position * half + i] = Math.sin(position * frequency);
    }
  }
  return { cos, sin };
}

function scaled(frequency: number, index: number, scaling: RopeScaling | null): number {
  if (scaling === null) return frequency;
  if (scaling.kind === 'linear') return frequency / scaling.factor;
  if (scaling.kind === 'divisors') return frequency / scaling.divisors[index]!;
  const wavelength = (2 * Math.PI) / frequency;
  const { factor, lowFreqFactor, highFreqFactor, originalMaxContext } = scaling;
  if (wavelength < originalMaxContext / highFreqFactor) return frequency;
  if (wavelength > originalMaxContext / lowFreqFactor) return frequency / factor;
  const ramp = (originalMaxContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - ramp) * frequency) / factor + ramp * frequency;
}
