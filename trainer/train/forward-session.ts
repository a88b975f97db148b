/**
 * The model as it predicts, without gradients: log probabilities for references and gates, logits for teachers, and what
 * the frozen layers make of a text, which training starts from.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraShape, loraParameters, type Parameter } from '../../core/adapter/lora.ts';
import { emitWholeForward } from '../../core/arch/training-graph.ts';
import type { OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';
import { GraphBuilder } from '../../core/onnx/graph.ts';
import { loraAdapt } from './adapt.ts';
import { type BaseWeights, dataFile } from './base-weights.ts';
import type { Parameters } from './gradient-session.ts';
import { Layout } from './layout.ts';
import type { Text } from './lesson.ts';

export interface ForwardSession {
  /** Σ log p of each text's scored tokens, and log p of each of them. */
  score(values: Parameters, texts: readonly Text[]): Promise<readonly Float32Array[]>;
  /** Logits [rows, vocab] at the given tokens of one text. */
  logits(values: Parameters, tokens: readonly number[], rows: readonly number[]): Promise<Float32Array>;
  /** The residual stream in front of the first trained layer, [tokens, hidden], of each text. */
  residuals(texts: readonly (readonly number[])[]): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

/** Writes its graph beside the base weights. */
export async function openForwardSession(
  base: BaseWeights,
  shape: LoraShape,
  open: OpenGraph,
): Promise<ForwardSession> {
  const path = join(base.folder, `forward-${process.pid}.onnx`);
  await writeFile(path, emitForwardGraph(base, shape));
  return new Session(base, loraParameters(base.config, shape), await open(path));
}

function emitForwardGraph({ config, weights }: BaseWeights, shape: LoraShape): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  const adapt = loraAdapt(graph, config, shape);
  const forward = emitWholeForward(graph, config, weights, { firstLayer: shape.firstLayer, adapt });
  const rows = graph.input('rows', 'int64', ['M']);
  const targets = graph.input('targets', 'int64', ['M', 1]);
  const logits = forward.logits(rows);
  const logprobs = graph.node('LogSoftmax', [logits], { axis: -1 });
  graph.output('residual', 'float32', [1, 'T', config.hiddenSize]);
  graph.nodeInto(['residual'], 'Identity', [forward.residual]);
  graph.output('logits', 'float32', ['M', config.vocabSize]);
  graph.nodeInto(['logits'], 'Identity', [logits]);
  graph.output('logprobs', 'float32', ['M', 1]);
  graph.nodeInto(['logprobs'], 'GatherElements', [logprobs, targets], { axis: 1 });
  return graph.finish(`${config.family}-forward`);
}

class Session implements ForwardSession {
  private readonly base: BaseWeights;
  private readonly parameters: readonly Parameter[];
  private readonly opened: OpenedGraph;
  private readonly zeros: Parameters;

  constructor(base: BaseWeights, parameters: readonly Parameter[], opened: OpenedGraph) {
    this.base = base;
    this.parameters = parameters;
    this.opened = opened;
    this.zeros = new Map(
      parameters.map(({ name, dims }) => [name, new Float32Array(dims[0]! * dims[1]!)] as const),
    );
  }

  async score(values: Parameters, texts: readonly Text[]): Promise<readonly Float32Array[]> {
    const layout = new Layout(texts, this.base.config);
    const scored = texts.map(({ tokens, from }, text) =>
      tokens.slice(from).map((target, index) => ({ target, row: layout.rowOf(text, from + index - 1) })),
    );
    const rows = scored.flat().map(({ row }) => row);
    const targets = scored.flat().map(({ target }) => target);
    const { logprobs } = await this.run(values, layout, { rows, targets, outputs: ['logprobs'] });
    let end = 0;
    return scored.map(({ length }) => logprobs!.slice(end, (end += length)));
  }

  async logits(
    values: Parameters,
    tokens: readonly number[],
    rows: readonly number[],
  ): Promise<Float32Array> {
    const targets = rows.map(() => 0);
    const { logits } = await this.run(values, new Layout([{ tokens }], this.base.config), {
      rows,
      targets,
      outputs: ['logits'],
    });
    return logits!;
  }

  async residuals(texts: readonly (readonly number[])[]): Promise<readonly Float32Array[]> {
    const { config } = this.base;
    const layout = new Layout(
      texts.map((tokens) => ({ tokens })),
      config,
    );
    const ask = { rows: [0], targets: [0], outputs: ['residual'] };
    const { residual } = await this.run(this.zeros, layout, ask);
    const width = config.hiddenSize;
    return texts.map((tokens, text) => {
      const rows = tokens.map((_, token) => layout.rowOf(text, token));
      const own = new Float32Array(tokens.length * width);
      rows.forEach((row, index) => {
        own.set(residual!.subarray(row * width, (row + 1) * width), index * width);
      });
      return own;
    });
  }

  close(): Promise<void> {
    return this.opened.close();
  }

  private run(
    values: Parameters,
    layout: Layout,
    ask: { rows: readonly number[]; targets: readonly number[]; outputs: readonly string[] },
  ): Promise<Readonly<Record<string, Float32Array>>> {
    const feeds = layout.tokenFeeds();
    feeds.rows = { dims: [ask.rows.length], data: BigInt64Array.from(ask.rows.map(BigInt)) };
    feeds.targets = { dims: [ask.targets.length, 1], data: BigInt64Array.from(ask.targets.map(BigInt)) };
    for (const { name, dims } of this.parameters) feeds[name] = { dims, data: values.get(name)! };
    return this.opened.run(feeds, ask.outputs);
  }
}
