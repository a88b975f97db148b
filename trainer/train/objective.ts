/**
 * What a step minimizes, as one graph over chosen rows of the hidden states; every part has weights, and what is not
 * asked for has weight 0. Inputs, M rows of N sequences, J preferences, K rows with a teacher:
 *   rows int64 [M], targets int64 [M, 1], ce_weights fp32 [M, 1]: −Σ w·log p(target), next-token cross-entropy;
 *   membership fp32 [N, M], reference fp32 [N, 1]: log p of a sequence less the reference model's, ρ = membership·log p − reference;
 *   contrast fp32 [J, N], offsets, dpo_weights, kto_weights fp32 [J, 1]: with m = contrast·ρ + offset (β is in both),
 *     DPO −log σ(m) (Rafailov et al. 2023) and KTO 1 − σ(m) (Ethayarajh et al. 2024);
 *   kl_rows int64 [K], teacher fp32 [K, vocab] logits, kl_weights fp32 [K, 1], temperature fp32 []:
 *     T²·KL(softmax(teacher/T) ‖ softmax(logits/T)) (Hinton et al. 2015; with T = 1 an anchor to the base).
 */
import type { TrainingForward } from '../../core/arch/training-graph.ts';
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';

export const objectiveParts = ['ce', 'dpo', 'kto', 'kl'] as const;
export type ObjectivePart = (typeof objectiveParts)[number];

export interface Objective {
  readonly loss: Value;
  readonly parts: Readonly<Record<ObjectivePart, Value>>;
  /** Log probability of each target, [M, 1]. */
  readonly logprobs: Value;
}

export function emitObjective(graph: GraphBuilder, forward: TrainingForward, vocabSize: number): Objective {
  const column = (name: string, rows: string): Value => graph.input(name, 'float32', [rows, 1]);
  const rows = graph.input('rows', 'int64', ['M']);
  const targets = graph.input('targets', 'int64', ['M', 1]);
  const all = graph.node('LogSoftmax', [forward.logits(rows)], { axis: -1 });
  const logprobs = graph.node('GatherElements', [all, targets], { axis: 1 });
  const weighted = (weights: Value, values: Value): Value =>
    graph.node('ReduceSum', [graph.node('Mul', [weights, values])], { keepdims: 0 });

  const ce = graph.node('Neg', [weighted(column('ce_weights', 'M'), logprobs)]);
  const against = graph.node('Neg', [margins(graph, logprobs)]);
  const dpo = weighted(column('dpo_weights', 'J'), graph.node('Softplus', [against]));
  const kto = weighted(column('kto_weights', 'J'), graph.node('Sigmoid', [against]));
  const kl = divergence(graph, forward, vocabSize);
  const parts = { ce, dpo, kto, kl };
  return { loss: Object.values(parts).reduce((a, b) => graph.node('Add', [a, b])), parts, logprobs };
}

function margins(graph: GraphBuilder, logprobs: Value): Value {
  const sums = graph.node('MatMul', [graph.input('membership', 'float32', ['N', 'M']), logprobs]);
  const ratios = graph.node('Sub', [sums, graph.input('reference', 'float32', ['N', 1])]);
  const contrasted = graph.node('MatMul', [graph.input('contrast', 'float32', ['J', 'N']), ratios]);
  return graph.node('Add', [contrasted, graph.input('offsets', 'float32', ['J', 1])]);
}

function divergence(graph: GraphBuilder, forward: TrainingForward, vocabSize: number): Value {
  const temperature = graph.input('temperature', 'float32', []);
  const cooled = (logits: Value): Value =>
    graph.node('LogSoftmax', [graph.node('Div', [logits, temperature])], { axis: -1 });
  const student = cooled(forward.logits(graph.input('kl_rows', 'int64', ['K'])));
  const teacher = cooled(graph.input('teacher', 'float32', ['K', vocabSize]));
  const gap = graph.node('Mul', [graph.node('Exp', [teacher]), graph.node('Sub', [teacher, student])]);
  const perRow = graph.node('ReduceSum', [gap, graph.constant('int64', [1], [-1])], { keepdims: 1 });
  const squared = graph.node('Mul', [temperature, temperature]);
  const scaled = graph.node('Mul', [squared, graph.input('kl_weights', 'float32', ['K', 1])]);
  return graph.node('ReduceSum', [graph.node('Mul', [scaled, perRow])], { keepdims: 0 });
}
