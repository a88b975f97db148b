/** Where training starts. */
import { type LoraShape, loraParameters } from '../../core/adapter/lora.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import { createRng } from '../../core/rng.ts';

/** LoRA's start (Hu et al. 2021, as PEFT does it): A uniform in ±1/√in, B zero, so that the model is unchanged at first. */
export function initialLora(
  config: DecoderConfig,
  shape: LoraShape,
  seed: number,
): Map<string, Float32Array> {
  const rng = createRng(seed);
  return new Map(
    loraParameters(config, shape).map(({ name, dims }) => {
      const [rows, columns] = dims as [number, number];
      const values = new Float32Array(rows * columns);
      const bound = 1 / Math.sqrt(rows);
      if (name.endsWith('.a'))
        for (let i = 0; i < values.length; i++) values[i] = bound * (2 * rng.next() - 1);
      return [name, values] as const;
    }),
  );
}
