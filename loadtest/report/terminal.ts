/** The report as a table on a terminal. */
import { differentErrors } from '../failure.ts';
import { shown } from '../figure.ts';
import { columns, rowOf } from './columns.ts';
import type { Report, ScenarioReport } from './result.ts';

export function terminalReport({ scenarios, problems }: Report): string {
  return [...scenarios.map(scenarioText), ...problems].join('\n\n');
}

function scenarioText({ name, problem, loads, figures, verdicts }: ScenarioReport): string {
  const head = ['load', ...columns.map(({ title }) => title)];
  const widest = Math.max(0, ...figures.map(({ path }) => path.length));
  return [
    name,
    ...(problem === null ? [] : [`  could not be run: ${problem}`]),
    ...(loads.length === 0 ? [] : table([head, ...loads.map((load) => [load.name, ...rowOf(load)])])),
    ...figures.map((figure) => `  ${figure.path.padEnd(widest)}  ${shown(figure)}`),
    ...differentErrors(loads.flatMap(({ summary }) => summary.errors)).map((error) => `  error: ${error}`),
    ...verdicts.map(
      (each) => `  ${each.isMet ? 'met   ' : 'MISSED'} ${each.threshold}   ${each.path} = ${each.measured}`,
    ),
  ].join('\n');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    return `  ${cells.join('  ')}`;
  });
}
