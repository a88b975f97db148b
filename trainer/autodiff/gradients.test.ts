/** Every gradient rule against central differences of the operator itself, run by the runtime. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { HostTensor } from '../../core/import/open-graph.ts';
import { type Attributes, GraphBuilder, type Value } from '../../core/onnx/graph.ts';
import type { Op } from '../../core/onnx/ops.ts';
import { createRng, nextGaussian } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { addGradients } from './reverse.ts';
import { gradientRules } from './rules.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-gradients-'));
after(() => rmSync(scratch, { recursive: true }));

type Input =
  | { readonly dims: readonly number[] }
  | { readonly ids: readonly number[]; dims: readonly number[] };

interface Case {
  readonly name: string;
  readonly op: Op;
  /** Inputs that are differentiated, or integers. */
  readonly inputs: readonly Input[];
  /** Constants behind the inputs. */
  readonly constants?: readonly { readonly dims: readonly number[]; readonly values: readonly number[] }[];
  readonly attributes?: Attributes;
  /** Results that the loss depends on; by default the first of one. */
  readonly results?: readonly boolean[];
  /** Keeps the inputs away from where the operator has no derivative or no value. */
  readonly positive?: true;
}

const of = (...dims: number[]): Input => ({ dims });
const axes = (...values: number[]) => [{ dims: [values.length], values }];
const float = (value: number) => ({ float: value });

const unary = (op: Op, more: Partial<Case> = {}): Case => ({ name: op, op, inputs: [of(2, 3)], ...more });

const cases: readonly Case[] = [
  ...(['Add', 'Sub', 'Mul', 'Div'] as const).flatMap((op): Case[] => [
    { name: `${op}, equal shapes`, op, inputs: [of(2, 3), of(2, 3)], positive: true },
    { name: `${op}, a row for all rows`, op, inputs: [of(2, 2, 3), of(3)], positive: true },
    { name: `${op}, a column for all columns`, op, inputs: [of(2, 1), of(2, 3)], positive: true },
    { name: `${op}, a scalar`, op, inputs: [of(2, 3), of()], positive: true },
  ]),
  unary('Exp'),
  unary('Neg'),
  unary('Erf'),
  unary('Gelu'),
  unary('Identity'),
  unary('Sigmoid'),
  unary('Softplus'),
  unary('Tanh'),
  unary('QuickGelu', { attributes: { alpha: float(1) } }),
  unary('QuickGelu', { name: 'QuickGelu with a slope', attributes: { alpha: float(1.702) } }),
  unary('Reciprocal', { positive: true }),
  unary('Sqrt', { positive: true }),
  unary('Softmax', { attributes: { axis: -1 } }),
  unary('LogSoftmax', { attributes: { axis: -1 } }),
  { name: 'MatMul', op: 'MatMul', inputs: [of(3, 4), of(4, 2)] },
  { name: 'MatMul, one matrix for a batch', op: 'MatMul', inputs: [of(1, 3, 4), of(4, 2)] },
  { name: 'MatMul, a batch of pairs', op: 'MatMul', inputs: [of(2, 3, 4), of(2, 4, 2)] },
  ...[
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ].map(([transA, transB]): Case => {
    const a = transA === 1 ? of(2, 4, 3) : of(2, 3, 4);
    const b = transB === 1 ? of(2, 5, 4) : of(2, 4, 5);
    const attributes = { transA: transA!, transB: transB!, alpha: float(0.5) };
    return { name: `FusedMatMul ${transA}${transB}`, op: 'FusedMatMul', inputs: [a, b], attributes };
  }),
  {
    name: 'FusedMatMul, one transposed matrix for a batch',
    op: 'FusedMatMul',
    inputs: [of(2, 3, 4), of(5, 4)],
    attributes: { transA: 0, transB: 1, alpha: float(2) },
  },
  {
    name: 'SimplifiedLayerNormalization',
    op: 'SimplifiedLayerNormalization',
    inputs: [of(2, 3, 4), of(4)],
    attributes: { axis: -1, epsilon: float(1e-5) },
  },
  {
    name: 'SkipSimplifiedLayerNormalization, the sum alone',
    op: 'SkipSimplifiedLayerNormalization',
    inputs: [of(1, 3, 4), of(1, 3, 4)],
    constants: [{ dims: [4], values: [1, 2, 3, 4] }],
    results: [false, false, false, true],
  },
  ...[
    [true, false, false, true],
    [true, false, false, false],
  ].map(
    (results, index): Case => ({
      name: `SkipSimplifiedLayerNormalization, results ${index}`,
      op: 'SkipSimplifiedLayerNormalization',
      inputs: [of(1, 3, 4), of(1, 3, 4), of(4)],
      attributes: { epsilon: float(1e-5) },
      results,
    }),
  ),
  {
    name: 'LayerNormalization',
    op: 'LayerNormalization',
    inputs: [of(3, 4), of(4), of(4)],
    attributes: { axis: -1, epsilon: float(1e-5) },
  },
  {
    name: 'RotaryEmbedding',
    op: 'RotaryEmbedding',
    inputs: [of(1, 3, 8), { ids: [0, 2, 1], dims: [1, 3] }],
    constants: [
      { dims: [3, 2], values: [1, 1, 0.5, 0.9, -0.4, 0.6] },
      { dims: [3, 2], values: [0, 0, 0.8, 0.4, 0.9, 0.8] },
    ],
  },
  { name: 'Reshape', op: 'Reshape', inputs: [of(2, 6)], constants: axes(3, -1) },
  { name: 'Unsqueeze', op: 'Unsqueeze', inputs: [of(2, 3)], constants: axes(1) },
  { name: 'Transpose', op: 'Transpose', inputs: [of(2, 3, 4)], attributes: { perm: { ints: [2, 0, 1] } } },
  {
    name: 'Split',
    op: 'Split',
    inputs: [of(2, 6)],
    constants: axes(1, 2, 3),
    attributes: { axis: -1 },
    results: [true, false, true],
  },
  { name: 'Concat', op: 'Concat', inputs: [of(2, 1), of(2, 3)], attributes: { axis: 1 } },
  {
    name: 'Gather, a row twice',
    op: 'Gather',
    inputs: [of(4, 3), { ids: [1, 3, 1], dims: [3] }],
    attributes: { axis: 0 },
  },
  {
    name: 'GatherElements',
    op: 'GatherElements',
    inputs: [of(2, 4), { ids: [1, 3], dims: [2, 1] }],
    attributes: { axis: 1 },
  },
  {
    name: 'ReduceSum, kept',
    op: 'ReduceSum',
    inputs: [of(2, 3)],
    constants: axes(-1),
    attributes: { keepdims: 1 },
  },
  {
    name: 'ReduceSum, dropped',
    op: 'ReduceSum',
    inputs: [of(2, 3)],
    constants: axes(0),
    attributes: { keepdims: 0 },
  },
  { name: 'ReduceSum, all', op: 'ReduceSum', inputs: [of(2, 3)], attributes: { keepdims: 0 } },
  {
    name: 'ReduceMean, kept',
    op: 'ReduceMean',
    inputs: [of(2, 3)],
    constants: axes(1),
    attributes: { keepdims: 1 },
  },
  {
    name: 'ReduceMean, dropped',
    op: 'ReduceMean',
    inputs: [of(2, 3)],
    constants: axes(-1),
    attributes: { keepdims: 0 },
  },
];

interface Built {
  readonly bytes: Uint8Array;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  readonly parameters: readonly Value[];
}

/** loss = Σ r + r³ over the results r that count: no symmetry of an operator hides a wrong gradient. */
function build(each: Case): Built {
  const graph = new GraphBuilder('');
  const rng = createRng(7);
  const feeds: Record<string, HostTensor> = {};
  const parameters: Value[] = [];
  const inputs = each.inputs.map((input, index) => {
    const name = `input${index}`;
    if ('ids' in input) {
      feeds[name] = { dims: input.dims, data: BigInt64Array.from(input.ids.map(BigInt)) };
      return graph.input(name, 'int64', input.dims);
    }
    const size = input.dims.reduce((product, dim) => product * dim, 1);
    const draw = (): number => (each.positive ? 0.5 + rng.next() : nextGaussian(rng));
    feeds[name] = { dims: input.dims, data: Float32Array.from({ length: size }, draw) };
    parameters.push(name);
    return graph.input(name, 'float32', input.dims);
  });
  const isFloat = ['RotaryEmbedding', 'SkipSimplifiedLayerNormalization'].includes(each.op);
  const type = isFloat ? 'float32' : 'int64';
  const constants = (each.constants ?? []).map(({ dims, values }) => graph.constant(type, dims, values));
  const counts = each.results ?? [true];
  const fixed = each.op === 'SkipSimplifiedLayerNormalization' ? ['normed', '', '', 'sum'] : null;
  const results = fixed ?? counts.map((_, index) => `result${index}`);
  graph.nodeInto(results, each.op, [...inputs, ...constants], each.attributes);
  const sums = results.flatMap((name, index) => {
    if (!counts[index]) return [];
    const cube = graph.node('Mul', [name, graph.node('Mul', [name, name])]);
    return [graph.node('ReduceSum', [graph.node('Add', [name, cube])], { keepdims: 0 })];
  });
  const loss = sums.reduce((a, b) => graph.node('Add', [a, b]));
  for (const [parameter, gradient] of [...addGradients(graph, loss, parameters), ['loss', loss] as const]) {
    const name = parameter === 'loss' ? 'loss' : `gradient_${parameter}`;
    graph.output(name, 'float32', graph.declared.get(parameter)?.dims ?? []);
    graph.nodeInto([name], 'Identity', [gradient]);
  }
  return { bytes: graph.finish('case'), feeds, parameters };
}

const step = 1e-2;
/** fp32 sums and the third derivative, at this step. */
const tolerance = 4e-3;

function shifted(input: HostTensor, index: number, by: number): HostTensor {
  const data = (input.data as Float32Array).slice();
  data[index]! += by;
  return { ...input, data };
}

for (const [number, each] of cases.entries()) {
  test(`the gradient of ${each.name} is the operator's central difference`, async () => {
    const { bytes, feeds, parameters } = build(each);
    const path = join(scratch, `${number}.onnx`);
    writeFileSync(path, bytes);
    const graph = await createOpenGraph({ threads: 1 })(path);
    const { ...gradients } = await graph.run(feeds);
    for (const parameter of parameters) {
      const gradient = gradients[`gradient_${parameter}`]!;
      const input = feeds[parameter]!;
      assert.equal(gradient.length, input.data.length, 'a gradient has the shape of its input');
      const scale = Math.max(1, ...gradient.map(Math.abs));
      for (let index = 0; index < gradient.length; index++) {
        const lossAt = async (by: number): Promise<number> =>
          (await graph.run({ ...feeds, [parameter]: shifted(input, index, by) })).loss![0]!;
        const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
        const error = Math.abs(difference - gradient[index]!) / scale;
        assert.ok(error < tolerance, `${parameter}[${index}]: ${gradient[index]}, difference ${difference}`);
      }
    }
    await graph.close();
  });
}

test('every operator with a rule is among the cases, and the others say why they have none', () => {
  const tried = new Set<string>(cases.map(({ op }) => op));
  for (const [op, rule] of Object.entries(gradientRules)) {
    if (typeof rule === 'function') assert.ok(tried.has(op), `${op} is not tried`);
    else assert.match(rule.refused, /\w+ \w+/);
  }
});

test('a loss that does not depend on a parameter, and an operator without a gradient, are refused by name', () => {
  const graph = new GraphBuilder('');
  const x = graph.input('x', 'float32', [2]);
  const y = graph.input('y', 'float32', [2]);
  const loss = graph.node('ReduceSum', [x], { keepdims: 0 });
  assert.throws(() => addGradients(graph, loss, [y]), /does not depend on y/);
  const rounded = graph.node('ReduceSum', [graph.node('Abs', [x])], { keepdims: 0 });
  assert.throws(() => addGradients(graph, rounded, [x]), /Abs has no gradient/);
});
