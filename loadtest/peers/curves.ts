/** How cost grows with work: tokens per second and time between tokens over the batch and over the context. */
import { plotSvg, type Series } from '../plot.ts';
import { load, type Subject } from './measures.ts';

const batchSizes = [1, 2, 4, 8, 16, 32];
const contextSizes = [128, 256, 512, 1024, 2048, 4096];
const contextClients = 4;
const outputTokens = 32;

interface Point {
  readonly server: string;
  readonly x: number;
  readonly tokensPerSecond: number;
  readonly interTokenP50Ms: number;
}

export interface Curve {
  readonly name: 'batch' | 'context';
  readonly xLabel: string;
  readonly points: readonly Point[];
}

export async function measureCurves(
  subjects: readonly Subject[],
  onPoint: (text: string) => void,
): Promise<Curve[]> {
  // Beyond the seeds of the rounds, see compare.ts.
  let seed = 1_000_000;
  const sweep = async (xs: readonly number[], toLoad: (x: number) => { clients: number; prompt: number }) => {
    const points: Point[] = [];
    for (const x of xs) {
      for (const subject of subjects) {
        const { clients, prompt } = toLoad(x);
        // The answer has to fit into the context too.
        const promptTokens = Math.min(prompt, 4096 - 2 * outputTokens);
        const options = { clients, promptTokens, outputTokens, numRequests: clients };
        seed++;
        const { outputTokensPerSecond, interToken } = await load(subject, seed, options);
        const server = subject.server.name;
        const interTokenP50Ms = interToken.p50Ms;
        points.push({ server, x, tokensPerSecond: outputTokensPerSecond, interTokenP50Ms });
        onPoint(
          `${server}, ${x}: ${outputTokensPerSecond.toFixed(1)} tokens/s, ${interTokenP50Ms.toFixed(1)} ms`,
        );
      }
    }
    return points;
  };
  return [
    {
      name: 'batch',
      xLabel: `clients at once (128 tokens in, ${outputTokens} out)`,
      points: await sweep(batchSizes, (clients) => ({ clients, prompt: 128 })),
    },
    {
      name: 'context',
      xLabel: `prompt tokens (${contextClients} clients, ${outputTokens} tokens out)`,
      points: await sweep(contextSizes, (prompt) => ({ clients: contextClients, prompt })),
    },
  ];
}

/** File name to SVG text. */
export function plotCurves(curves: readonly Curve[]): Map<string, string> {
  const plots = new Map<string, string>();
  for (const { name, xLabel, points } of curves) {
    const seriesOf = (value: (point: Point) => number): Series[] =>
      [...new Set(points.map(({ server }) => server))].map((server) => ({
        name: server,
        points: points
          .filter((point) => point.server === server)
          .map((point) => [point.x, value(point)] as const),
      }));
    const kinds = [
      ['tokens', 'Throughput', 'tokens per second', (point: Point) => point.tokensPerSecond],
      ['gaps', 'Time between tokens', 'p50, ms', (point: Point) => point.interTokenP50Ms],
    ] as const;
    for (const [file, title, yLabel, value] of kinds) {
      const plot = { title: `${title} over ${name}`, xLabel, yLabel, series: seriesOf(value) };
      plots.set(`${name}-${file}.svg`, plotSvg(plot));
    }
  }
  return plots;
}
