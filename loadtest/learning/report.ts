/** Findings to files and to a table: raw JSON, plots, and the page that holds them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Figure, type Finding, isMet } from './measure.ts';

export interface Report {
  /** Such as 2026-11-24. */
  readonly date: string;
  readonly model: string;
  readonly facts: string;
  readonly streams: number;
  /** How the server of each measure was started. */
  readonly commands: Readonly<Record<string, string>>;
  readonly findings: Readonly<Record<string, Finding>>;
}

/** Figures beside what they are held to, one table for each measure. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const verdict = { true: 'met', false: '**missed**', null: '' }[`${isMet(figure)}`];
    return [figure.name, shown(figure.value, figure.unit), boundOf(figure), verdict];
  });
  const head = ['', 'measured', 'target', ''];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function boundOf({ bound, unit }: Figure): string {
  if (bound === null) return '';
  return 'most' in bound ? `≤ ${shown(bound.most, unit)}` : `≥ ${shown(bound.least, unit)}`;
}

export function shown(value: number | null, unit: Figure['unit']): string {
  // A wait that never ended is known; a share of nothing is not.
  if (value === null) return unit === 'ms' || unit === 's' ? 'never' : 'not measured';
  if (unit === 'share') return `${(100 * value).toFixed(Math.abs(value) < 0.1 ? 2 : 1)} %`;
  if (unit === 'ratio') return `${value.toFixed(2)}x`;
  if (unit === 'count') return `${value}`;
  if (unit === 'ms' && Math.abs(value) >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value.toFixed(Math.abs(value) >= 100 ? 0 : 1)} ${unit}`;
}

export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entries = Object.entries(report.findings);
  for (const [name, { figures, raw }] of entries) {
    const json = { hardware: hardware(), command: report.commands[name], figures, raw };
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify(json, null, 1)}\n`);
  }
  for (const drawing of entries.flatMap(([, { drawings }]) => drawings)) {
    await writeFile(join(folder, `${drawing.name}.svg`), drawing.svg);
  }
  await writeFile(join(folder, 'README.md'), page(report));
}

function hardware(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores of ${cpus()[0]?.model.trim()}, ${memory} GiB, Node.js ${process.versions.node}`;
}

function page({ date, model, facts, streams, commands, findings }: Report): string {
  const sections = Object.entries(findings).map(([name, { figures, drawings }]) => {
    const plots = drawings.map((drawing) => `![${drawing.name}](${drawing.name}.svg)`);
    return [
      `## ${name[0]!.toUpperCase()}${name.slice(1)}`,
      table(figures),
      ...plots,
      `[Raw](${name}.json)`,
    ].join('\n\n');
  });
  return `# Learning while serving, ${date}

${hardware()}. ${model}, over HTTP on one machine that also runs the clients; ${streams} of them stream unrelated chats all
the while. Facts: the half of loadtest/learning/facts.json that is kept for ${facts === 'final' ? 'published figures' : 'tuning'}.
A percentile that falls on a correction that was never answered right is "never".

\`\`\`
${[...new Set(Object.values(commands))].join('\n')}
\`\`\`

${sections.join('\n\n')}
`;
}
