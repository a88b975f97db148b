/**
 * The sessions that steps run in: one for each of a version's graphs that is needed, twice where steps sometimes leave a part of
 * the CPU to somebody else, since the runtime fixes a session's threads when it is made. Large weights that are mapped are shared.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { LayerLinear } from '../../../core/arch/decoder.ts';
import { type ServingGraph, servingGraphs } from '../../../core/arch/serving-graph.ts';
import { invariant } from '../../../core/invariant.ts';
import { openSession } from '../../../core/runtime/open-session.ts';

export interface ServingSessionsOptions {
  /** A verified version folder. */
  readonly folder: string;
  readonly threads: number;
  /** Threads that steps take while the CPU is shared; null: it never is. */
  readonly sharedThreads: number | null;
}

interface Pair {
  readonly whole: InferenceSession;
  readonly shared: InferenceSession | null;
}

export class ServingSessions {
  private readonly options: ServingSessionsOptions;
  private readonly pairs = new Map<ServingGraph, Pair>();
  private readonly opening = new Map<ServingGraph, Promise<void>>();

  constructor(options: ServingSessionsOptions) {
    this.options = options;
  }

  /** Whether steps may use adapters that change these linears. */
  covers(linears: ReadonlySet<LayerLinear>): boolean {
    return this.smallestFor(linears) !== undefined;
  }

  /** Until it covers them. Opening a graph holds up the process for about half a second. Throws what the runtime throws. */
  async cover(linears: ReadonlySet<LayerLinear>): Promise<void> {
    if (this.covers(linears)) return;
    const graph = servingGraphs.find((each) => isCovered(linears, each))!;
    const opening = this.opening.get(graph) ?? this.open(graph).finally(() => this.opening.delete(graph));
    this.opening.set(graph, opening);
    await opening;
  }

  /** For a step whose adapters change these linears: the one with the fewest others. */
  for(
    linears: ReadonlySet<LayerLinear>,
    isShared: boolean,
  ): { graph: ServingGraph; session: InferenceSession } {
    const graph = this.smallestFor(linears);
    invariant(graph !== undefined, 'adapters are used only where there is a graph for them');
    const { whole, shared } = this.pairs.get(graph)!;
    return { graph, session: (isShared ? shared : null) ?? whole };
  }

  async release(): Promise<void> {
    for (const { whole, shared } of this.pairs.values()) {
      await whole.release();
      await shared?.release();
    }
  }

  private smallestFor(linears: ReadonlySet<LayerLinear>): ServingGraph | undefined {
    return servingGraphs.find((graph) => this.pairs.has(graph) && isCovered(linears, graph));
  }

  private async open(graph: ServingGraph): Promise<void> {
    const { folder, threads, sharedThreads } = this.options;
    const path = join(folder, graph.file);
    if (!existsSync(path))
      throw new Error(`the version has no ${graph.file}: an earlier Millrace imported it. Import it again.`);
    const whole = await openSession(path, { threads });
    const shared = sharedThreads === null ? null : await openSession(path, { threads: sharedThreads });
    this.pairs.set(graph, { whole, shared });
  }
}

const isCovered = (linears: ReadonlySet<LayerLinear>, { adapted }: ServingGraph): boolean =>
  [...linears].every((linear) => adapted.includes(linear));
