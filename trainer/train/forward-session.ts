/** The trained layers without gradients: log probabilities for references and gates, logits for teachers. */
import { type LoraShape, loraParameters, type Parameter } from '../../core/adapter/lora.ts';
import { emitTrainingForward } from '../../core/arch/training-graph.ts';
import type { OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';
import { GraphBuilder } from '../../core/onnx/graph.ts';
import { loraAdapt } from './adapt.ts';
import { type BaseWeights, dataFile } from './base-weights.ts';
import type { Parameters } from './gradient-session.ts';
import { groupsOf, packedTokens } from './groups.ts';
import { Layout } from './layout.ts';
import type { Text } from './lesson.ts';
import { openWritten } from './open-written.ts';

export interface Scored {
  /** Log probability of each scored token. */
  readonly logprobs: Float32Array;
  /** That of the likeliest token at the same place. */
  readonly best: Float32Array;
  /** All logits there, [scored tokens, vocab]; empty unless asked for. */
  readonly logits: Float32Array;
}

export interface ForwardSession {
  /** Texts come with their residual where there are frozen layers. */
  score(
    values: Parameters,
    texts: readonly Text[],
    options?: { readonly logits: 'all' },
  ): Promise<readonly Scored[]>;
  close(): Promise<void>;
}

/** Writes its graph beside the base weights. */
export async function openForwardSession(
  base: BaseWeights,
  shape: LoraShape,
  open: OpenGraph,
): Promise<ForwardSession> {
  const opened = await openWritten(open, base.folder, 'forward', emitForwardGraph(base, shape));
  return new Session(base, shape, opened);
}

function emitForwardGraph({ config, weights }: BaseWeights, shape: LoraShape): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  const adapt = loraAdapt(graph, config, shape);
  const forward = emitTrainingForward(graph, config, weights, { firstLayer: shape.firstLayer, adapt });
  const rows = graph.input('rows', 'int64', ['M']);
  const targets = graph.input('targets', 'int64', ['M', 1]);
  const logits = forward.logits(rows);
  const logprobs = graph.node('LogSoftmax', [logits], { axis: -1 });
  graph.output('logits', 'float32', ['M', config.vocabSize]);
  graph.nodeInto(['logits'], 'Identity', [logits]);
  graph.output('logprobs', 'float32', ['M', 1]);
  graph.nodeInto(['logprobs'], 'GatherElements', [logprobs, targets], { axis: 1 });
  graph.output('best', 'float32', ['M', 1]);
  graph.nodeInto(['best'], 'ReduceMax', [logprobs, graph.constant('int64', [1], [1])], { keepdims: 1 });
  return graph.finish(`${config.family}-forward`);
}

interface Ask {
  readonly rows: readonly number[];
  readonly targets: readonly number[];
  readonly outputs: readonly string[];
}

class Session implements ForwardSession {
  private readonly base: BaseWeights;
  private readonly firstLayer: number;
  private readonly parameters: readonly Parameter[];
  private readonly opened: OpenedGraph;

  constructor(base: BaseWeights, shape: LoraShape, opened: OpenedGraph) {
    this.base = base;
    this.firstLayer = shape.firstLayer;
    this.parameters = loraParameters(base.config, shape);
    this.opened = opened;
  }

  async score(
    values: Parameters,
    texts: readonly Text[],
    options?: { readonly logits: 'all' },
  ): Promise<readonly Scored[]> {
    const scored: Scored[] = [];
    const most = packedTokens(this.base.config);
    for (const group of groupsOf(texts, ({ tokens }) => tokens.length, most))
      scored.push(...(await this.scoreTogether(values, group, options)));
    return scored;
  }

  private async scoreTogether(
    values: Parameters,
    texts: readonly Text[],
    options?: { readonly logits: 'all' },
  ): Promise<readonly Scored[]> {
    const { vocabSize } = this.base.config;
    const layout = new Layout(texts, this.base.config);
    const scored = texts.map(({ tokens, from }, text) =>
      tokens.slice(from).map((target, index) => ({ target, row: layout.rowOf(text, from + index - 1) })),
    );
    const rows = scored.flat().map(({ row }) => row);
    const targets = scored.flat().map(({ target }) => target);
    const outputs = ['logprobs', 'best', ...(options === undefined ? [] : ['logits'])];
    const {
      logprobs,
      best,
      logits = new Float32Array(),
    } = await this.run(values, layout, { rows, targets, outputs });
    let end = 0;
    return scored.map(({ length }) => {
      const start = end;
      end += length;
      return {
        logprobs: logprobs!.slice(start, end),
        best: best!.slice(start, end),
        logits: logits.subarray(start * vocabSize, end * vocabSize),
      };
    });
  }

  close(): Promise<void> {
    return this.opened.close();
  }

  private run(values: Parameters, layout: Layout, ask: Ask): Promise<Readonly<Record<string, Float32Array>>> {
    const feeds = this.firstLayer === 0 ? layout.tokenFeeds() : layout.residualFeeds();
    feeds.rows = { dims: [ask.rows.length], data: BigInt64Array.from(ask.rows, BigInt) };
    feeds.targets = { dims: [ask.targets.length, 1], data: BigInt64Array.from(ask.targets, BigInt) };
    for (const { name, dims } of this.parameters) feeds[name] = { dims, data: values.get(name)! };
    return this.opened.run(feeds, ask.outputs);
  }
}
