/** The training graph in memory: parameters and lessons in, loss and gradients out. */
import { type LoraShape, loraParameters, type Parameter } from '../../core/adapter/lora.ts';
import { emitTrainingForward } from '../../core/arch/training-graph.ts';
import { concatenate } from '../../core/import/matrix.ts';
import type { OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';
import { invariant } from '../../core/invariant.ts';
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';
import { addGradients } from '../autodiff/reverse.ts';
import { loraAdapt } from './adapt.ts';
import { type BaseWeights, dataFile } from './base-weights.ts';
import { groupsOf, packedTokens } from './groups.ts';
import { type Lesson, numTokensOf } from './lesson.ts';
import { emitObjective, type ObjectivePart, objectiveParts } from './objective.ts';
import { openWritten } from './open-written.ts';
import { pack } from './pack.ts';
import { ParameterGraph } from './parameter-graph.ts';

/** What is trained: adapter factors, or every weight of the model. */
export type Trained = ({ readonly kind: 'lora' } & LoraShape) | { readonly kind: 'full' };

/** Values by parameter name, row-major. */
export type Parameters = ReadonlyMap<string, Float32Array>;

export interface GradientStep {
  readonly loss: number;
  readonly parts: Readonly<Record<ObjectivePart, number>>;
  /** Log probability of each scored token, lessons in order. */
  readonly logprobs: Float32Array;
  readonly gradients: Parameters;
}

export interface GradientSession {
  readonly parameters: readonly Parameter[];
  readonly firstLayer: number;
  step(values: Parameters, lessons: readonly Lesson[], temperature?: number): Promise<GradientStep>;
  close(): Promise<void>;
}

const gradientName = (parameter: string): string => `gradient.${parameter}`;

/** Writes its graph beside the base weights, under a name of its own, and opens it. */
export async function openGradientSession(
  base: BaseWeights,
  trained: Trained,
  open: OpenGraph,
): Promise<GradientSession> {
  const { bytes, parameters } = emitTrainingGraph(base, trained);
  const opened = await openWritten(open, base.folder, 'train', bytes);
  return new Session(base, trained.kind === 'lora' ? trained.firstLayer : 0, parameters, opened);
}

class Session implements GradientSession {
  readonly parameters: readonly Parameter[];
  readonly firstLayer: number;
  private readonly base: BaseWeights;
  private readonly opened: OpenedGraph;

  constructor(base: BaseWeights, firstLayer: number, parameters: readonly Parameter[], opened: OpenedGraph) {
    this.base = base;
    this.firstLayer = firstLayer;
    this.parameters = parameters;
    this.opened = opened;
  }

  async step(values: Parameters, lessons: readonly Lesson[], temperature = 1): Promise<GradientStep> {
    let total: Sum | null = null;
    const logprobs: Float32Array[] = [];
    for (const group of groupsOf(lessons, numTokensOf, packedTokens(this.base.config))) {
      const step = await this.run(values, group, temperature);
      total = total === null ? step : added(total, step);
      logprobs.push(step.logprobs);
    }
    invariant(total !== null, 'a step has at least one lesson');
    return { ...total, logprobs: concatenate(logprobs) };
  }

  private async run(
    values: Parameters,
    lessons: readonly Lesson[],
    temperature: number,
  ): Promise<GradientStep> {
    const feeds = pack(lessons, { config: this.base.config, firstLayer: this.firstLayer, temperature });
    for (const { name, dims } of this.parameters) feeds[name] = { dims, data: values.get(name)! };
    const outputs = await this.opened.run(feeds);
    const part = (name: string): number => outputs[name]![0]!;
    return {
      loss: part('loss'),
      parts: Object.fromEntries(objectiveParts.map((name) => [name, part(name)])) as GradientStep['parts'],
      logprobs: outputs.logprobs!,
      gradients: new Map(this.parameters.map(({ name }) => [name, outputs[gradientName(name)]!])),
    };
  }

  close(): Promise<void> {
    return this.opened.close();
  }
}

/** Of parts of a batch: losses and gradients add up, since each lesson brings its own weight. */
export type Sum = Omit<GradientStep, 'logprobs'>;

/** Adds the second's gradients to the first's in place. */
export function added(a: Sum, b: Sum): Sum {
  addInPlace(a.gradients, b.gradients);
  const parts = { ...a.parts };
  for (const [name, value] of Object.entries(b.parts)) parts[name as keyof typeof parts] += value;
  return { loss: a.loss + b.loss, parts, gradients: a.gradients };
}

/** In place. */
export function addInPlace(into: Parameters, gradients: Parameters): void {
  for (const [name, gradient] of gradients) {
    const sum = into.get(name)!;
    for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
  }
}

/** The serialized graph, and its parameters in order. */
export function emitTrainingGraph(
  { config, weights }: BaseWeights,
  trained: Trained,
): { bytes: Uint8Array; parameters: readonly Parameter[] } {
  // Rotary tables are no weights, though they lie among them.
  const tables = new Set([weights.cos.name, weights.sin.name]);
  const graph = new ParameterGraph(dataFile, (name) => trained.kind === 'full' && !tables.has(name));
  const lora = trained.kind === 'lora' ? trained : null;
  const adapt =
    lora === null ? (_: number, __: string, ___: Value, y: Value) => y : loraAdapt(graph, config, lora);
  const forward = emitTrainingForward(graph, config, weights, { firstLayer: lora?.firstLayer ?? 0, adapt });
  const objective = emitObjective(graph, forward, config.vocabSize);
  const parameters = lora === null ? [...graph.parameters.values()] : loraParameters(config, lora);
  const gradients = addGradients(
    graph,
    objective.loss,
    parameters.map(({ name }) => name),
  );
  emitOutput(graph, 'loss', objective.loss, []);
  for (const part of objectiveParts) emitOutput(graph, part, objective.parts[part], []);
  emitOutput(graph, 'logprobs', objective.logprobs, ['M', 1]);
  for (const { name, dims } of parameters) emitOutput(graph, gradientName(name), gradients.get(name)!, dims);
  return {
    bytes: graph.finish(`${config.family}-training`),
    parameters: parameters.map(({ name, dims }) => ({ name, dims })),
  };
}

function emitOutput(
  graph: GraphBuilder,
  name: string,
  value: Value,
  dims: readonly (number | string)[],
): void {
  graph.output(name, 'float32', dims);
  graph.nodeInto([name], 'Identity', [value]);
}
