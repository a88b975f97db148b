/** KL divergence of two rows of logits, in nats. */

/** KL(p ‖ q) of the softmax of both, for each row of [rows, vocab]. */
export function divergences(p: Float32Array, q: Float32Array, vocabSize: number): number[] {
  return Array.from({ length: p.length / vocabSize }, (_, row) => {
    const [start, end] = [row * vocabSize, (row + 1) * vocabSize];
    return divergence(p.subarray(start, end), q.subarray(start, end));
  });
}

function divergence(p: Float32Array, q: Float32Array): number {
  const [pNorm, qNorm] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const logP = p[i]! - pNorm;
    sum += Math.exp(logP) * (logP - (q[i]! - qNorm));
  }
  return Math.max(0, sum);
}

function logSumExp(values: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i]! > most) most = values[i]!;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - most);
  return most + Math.log(sum);
}
