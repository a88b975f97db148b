import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../rng.ts';
import { compensation, quantizeCompensated } from './compensate.ts';
import type { Dense, TransposedProduct } from './product.ts';
import { type Int8Matrix, quantizeChannels } from './quantize.ts';

const [inSize, outSize, numRows, numCauses] = [150, 24, 200, 20];

/** Inputs as they are in a network: a few causes behind many numbers. */
function correlated(seed: number): Dense {
  const rng = createRng(seed);
  const mixing = Float32Array.from({ length: numCauses * inSize }, () => nextGaussian(rng));
  const data = new Float32Array(numRows * inSize);
  for (let row = 0; row < numRows; row++) {
    const causes = Array.from({ length: numCauses }, () => nextGaussian(rng));
    for (let i = 0; i < inSize; i++) {
      const common = causes.reduce((sum, cause, k) => sum + cause * mixing[k * inSize + i]!, 0);
      data[row * inSize + i] = common + 0.5 * nextGaussian(rng);
    }
  }
  return { rows: numRows, columns: inSize, data };
}

const plain: TransposedProduct = {
  async of(a, b) {
    const out = new Float32Array(a.columns * b.columns);
    for (let k = 0; k < a.rows; k++) {
      for (let n = 0; n < a.columns; n++) {
        for (let m = 0; m < b.columns; m++) {
          out[n * b.columns + m]! += a.data[k * a.columns + n]! * b.data[k * b.columns + m]!;
        }
      }
    }
    return out;
  },
  close: async () => {},
};

function outputError(inputs: Dense, weights: Float32Array, { values, scale }: Int8Matrix): number {
  let error = 0;
  for (let row = 0; row < inputs.rows; row++) {
    for (let o = 0; o < outSize; o++) {
      let sum = 0;
      for (let i = 0; i < inSize; i++) {
        const at = i * outSize + o;
        sum += inputs.data[row * inSize + i]! * (weights[at]! - values[at]! * scale[o]!);
      }
      error += sum * sum;
    }
  }
  return error;
}

const rng = createRng(1);
const weights = Float32Array.from({ length: inSize * outSize }, () => 0.05 * nextGaussian(rng));
const matrix = { inSize, outSize, values: weights };

test('correlated inputs lose less than half of what rounding each weight loses, also inputs not seen before', async () => {
  const seen = correlated(2);
  const compensated = await quantizeCompensated(matrix, await compensation(seen, plain), plain);
  const rounded = quantizeChannels(weights, inSize, outSize);
  assert.ok(outputError(seen, weights, compensated) < 0.5 * outputError(seen, weights, rounded));
  const same = { ...seen, data: seen.data.slice(0, (numRows / 2) * inSize), rows: numRows / 2 };
  const fromHalf = await quantizeCompensated(matrix, await compensation(same, plain), plain);
  const other = { ...same, data: seen.data.slice((numRows / 2) * inSize) };
  assert.ok(outputError(other, weights, fromHalf) < 0.6 * outputError(other, weights, rounded));
});

test('inputs without correlation leave plain rounding', async () => {
  const data = new Float32Array(inSize * inSize);
  for (let i = 0; i < inSize; i++) data[i * inSize + i] = 1;
  const spread = await compensation({ rows: inSize, columns: inSize, data }, plain);
  const { values, scale } = await quantizeCompensated(matrix, spread, plain);
  const rounded = quantizeChannels(weights, inSize, outSize);
  assert.deepEqual(scale, rounded.scale);
  assert.deepEqual(values, rounded.values);
});

test('the spread is the scaled inverse factor of the damped inner products', async () => {
  const inputs = correlated(3);
  const spread = await compensation(inputs, plain);
  const gram = await plain.of(inputs, inputs);
  let trace = 0;
  for (let i = 0; i < inSize; i++) trace += gram[i * inSize + i]!;
  for (let i = 0; i < inSize; i++) gram[i * inSize + i]! += (0.3 * trace) / inSize;
  // With U of unit diagonal, U·H·Uᵀ is diagonal.
  const left = await plain.of(transposed(spread), { rows: inSize, columns: inSize, data: gram });
  const full = await plain.of(transposed(left), transposed(spread));
  for (let i = 0; i < inSize; i++) {
    for (let j = 0; j < i; j++) {
      const own = Math.sqrt(Math.abs(full[i * inSize + i]! * full[j * inSize + j]!));
      assert.ok(Math.abs(full[i * inSize + j]!) < 1e-3 * own);
    }
  }
});

function transposed(square: Float32Array): Dense {
  const data = Float32Array.from(
    square,
    (_, at) => square[(at % inSize) * inSize + Math.floor(at / inSize)]!,
  );
  return { rows: inSize, columns: inSize, data };
}
