/** The report in a few lines of Markdown, for the summary of a run in continuous integration. */
import { shown } from '../figure.ts';
import { columns, rowOf } from './columns.ts';
import type { Report, ScenarioReport } from './result.ts';

export function markdownReport({ model, urls, profile, scenarios, problems }: Report): string {
  const head = `# Load test of ${cell(model)}\n\n${cell(urls.join(', '))}, profile ${profile}\n`;
  const troubles = problems.map((problem) => `**${cell(problem)}**\n`);
  return `${[head, ...troubles, ...scenarios.map(section)].join('\n')}\n`;
}

function section({ name, problem, verdicts, loads, figures }: ScenarioReport): string {
  const parts = [`## ${name}`];
  if (problem !== null) parts.push(`**Could not be run**: ${cell(problem)}`);
  if (verdicts.length > 0) {
    const rows = verdicts.map(({ threshold, measured, isMet }) => [
      threshold,
      measured,
      isMet ? 'met' : '**missed**',
    ]);
    parts.push(table(['threshold', 'measured', ''], rows));
  }
  if (figures.length > 0)
    parts.push(
      table(
        ['figure', 'measured'],
        figures.map((each) => [each.path, shown(each)]),
      ),
    );
  if (loads.length > 0) {
    const rows = loads.map((load) => [load.name, ...rowOf(load)]);
    parts.push(table(['load', ...columns.map(({ title }) => title)], rows));
  }
  return parts.join('\n\n');
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replace(/[|\n]/g, ' ').replace(/</g, '&lt;');
