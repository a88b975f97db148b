/** Samples to files: raw JSON, plots, and the page that explains them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Alone } from './alone.ts';
import { medianOf, medianRatio, type Sample } from './compare.ts';
import { type Curve, plotCurves } from './curves.ts';
import type { Measure } from './measures.ts';

export interface Report {
  /** Such as 2026-11-24. */
  readonly date: string;
  readonly ours: string;
  /** Names and commands, ours first. */
  readonly servers: readonly { readonly name: string; readonly command: string; readonly memoryMb: number }[];
  readonly alone: Alone;
  readonly measures: readonly Measure[];
  readonly samples: readonly Sample[];
  readonly curves: readonly Curve[];
}

export function hardware(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores of ${cpu?.model.trim()}, ${memory} GiB, Node.js ${process.versions.node}`;
}

export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'raw.json'),
    `${JSON.stringify({ hardware: hardware(), ...report }, null, 1)}\n`,
  );
  for (const [name, svg] of plotCurves(report.curves)) await writeFile(join(folder, name), svg);
  await writeFile(join(folder, 'README.md'), page(report));
}

/** Medians of all servers, and ours over each peer: the median of the rounds' ratios. */
export function table(report: Pick<Report, 'ours' | 'servers' | 'measures' | 'samples'>): string {
  const names = report.servers.map(({ name }) => name);
  const peers = names.filter((name) => name !== report.ours);
  const head = ['', ...names, ...peers.map((name) => `ours / ${name}`)];
  const rows = report.measures.map(({ name, unit }) => {
    const medians = names.map((server) => cell(medianOf(report.samples, name, server)));
    const ratios = peers.map((peer) => {
      const ratio = medianRatio(report.samples, name, [report.ours, peer]);
      return ratio === null ? '–' : `${ratio.toFixed(2)}x`;
    });
    return [`${name} (${unit})`, ...medians, ...ratios];
  });
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const cell = (value: number | null): string =>
  value === null ? '–' : value >= 10 ? value.toFixed(0) : value.toFixed(2);

function page(report: Report): string {
  const rounds = 1 + Math.max(...report.samples.map(({ round }) => round));
  const plots = report.curves.flatMap(({ name }) =>
    ['tokens', 'gaps'].map((kind) => `![${name}, ${kind}](${name}-${kind}.svg)`),
  );
  return `# Benchmark of ${report.date}

${hardware()}. SmolLM2-135M-Instruct on all servers, over HTTP on one machine that also runs the load generator.
Figures are medians of ${rounds} interleaved rounds; a ratio is the median of the rounds' ratios. All samples are in
[raw.json](raw.json).

${table(report)}

Peak memory of all processes of a server over the whole run, 32 parallel sequences configured:

${report.servers.map(({ name, memoryMb }) => `- ${name}: ${memoryMb.toFixed(0)} MB`).join('\n')}

Millrace alone, 16 slots of 1,152 tokens: ${report.alone.memoryMb.toFixed(0)} MB peak of all processes after 16 clients with
1,024 tokens each. Then ${report.alone.numLeft} clients left at random moments: ${report.alone.numHeld} sequences were held
afterwards, and 8 clients got ${report.alone.speedRatio.toFixed(2)}x of the tokens per second of before.

Commands:

\`\`\`
${report.servers.map(({ command }) => command).join('\n')}
\`\`\`

${plots.join('\n')}
`;
}
