/** The report as one page that needs nothing else: no script, no font, no file beside it. */
import { differentErrors } from '../failure.ts';
import { shown } from '../figure.ts';
import type { Timeline } from '../timeline.ts';
import { failuresChart, percentileChart, tokensChart, ttftChart } from './charts.ts';
import { columns, rowOf } from './columns.ts';
import { quoted } from './quoted.ts';
import type { Report, ScenarioReport } from './result.ts';
import { styleSheet } from './style-sheet.ts';

export function htmlReport(report: Report): string {
  const { urls, model, profile, startedAt, seconds, machine, targets, seed, scenarios } = report;
  const facts = [
    ['server', urls.join(', ')],
    ['model', model],
    ['profile', `${profile}, seed ${seed}`],
    [
      'goodput counts',
      `first token within ${targets.ttftMs} ms, later ones within ${targets.tpotMs} ms on average`,
    ],
    ['load generator', machine],
    ['began', `${startedAt}, ${seconds.toFixed(0)} s`],
  ] as const;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load test of ${quoted(model)}</title><style>${styleSheet}</style></head><body><main>
<h1>Load test of ${quoted(model)} <span class="badge ${outcomeOf(report)}">${verdictText(report)}</span></h1>
${problemList(report.problems)}<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${quoted(value)}</dd>`).join('')}</dl>
${scenarios.length > 1 ? contents(scenarios) : ''}
${scenarios.map(section).join('\n')}
</main></body></html>
`;
}

const outcomeOf = ({ exitCode }: Report): string => (['met', 'missed', 'unable'] as const)[exitCode];
const verdictText = ({ exitCode }: Report): string =>
  ['all thresholds met', 'thresholds missed', 'not all of it could be run'][exitCode]!;

function problemList(problems: readonly string[]): string {
  return problems.map((problem) => `<p class="problem">${quoted(problem)}</p>`).join('');
}

function contents(scenarios: readonly ScenarioReport[]): string {
  const rows = scenarios.map(({ name, answers, verdicts, problem }) => {
    const numMissed = verdicts.filter(({ isMet }) => !isMet).length;
    const state = problem !== null ? 'unable' : numMissed > 0 ? 'missed' : 'met';
    const text = problem !== null ? 'not run' : numMissed > 0 ? `${numMissed} missed` : 'met';
    return `<tr><td><a href="#${name}">${name}</a></td><td>${quoted(answers)}</td><td><span class="badge ${state}">${text}</span></td></tr>`;
  });
  return `<table class="contents">${rows.join('')}</table>`;
}

function section(scenario: ScenarioReport): string {
  const { name, answers, problem, seconds, timeline } = scenario;
  return `<section id="${name}"><h2>${name}</h2><p>${quoted(answers)} <span class="quiet">${seconds.toFixed(0)} s.</span></p>
${problem === null ? '' : `<p class="problem">Could not be run: ${quoted(problem)}</p>`}
${verdictTable(scenario)}${ownTable(scenario)}${loadTable(scenario)}${errorList(scenario)}
${percentileCharts(scenario)}${timeline === null ? '' : timeCharts(timeline)}</section>`;
}

function verdictTable({ verdicts }: ScenarioReport): string {
  if (verdicts.length === 0) return '';
  const rows = verdicts.map(
    ({ threshold, path, measured, isMet }) =>
      `<tr><td>${quoted(threshold)}</td><td>${quoted(path)}</td><td class="number">${quoted(measured)}</td><td><span class="badge ${isMet ? 'met' : 'missed'}">${isMet ? 'met' : 'missed'}</span></td></tr>`,
  );
  return `<h3>Thresholds</h3><table><tr><th>threshold</th><th>figure</th><th class="number">measured</th><th></th></tr>${rows.join('')}</table>`;
}

function ownTable({ figures }: ScenarioReport): string {
  if (figures.length === 0) return '';
  const rows = figures.map(
    (figure) => `<tr><td>${quoted(figure.path)}</td><td class="number">${quoted(shown(figure))}</td></tr>`,
  );
  return `<h3>Figures</h3><table>${rows.join('')}</table>`;
}

function loadTable({ loads }: ScenarioReport): string {
  if (loads.length === 0) return '';
  const head = columns.map(({ title }) => `<th class="number">${title}</th>`).join('');
  const rows = loads.map((load, index) => {
    const cells = rowOf(load).map((cell) => `<td class="number">${quoted(cell)}</td>`);
    return `<tr><td><span class="swatch s${index % 6}"></span>${quoted(load.name)}<div class="quiet">${quoted(load.description)}</div></td>${cells.join('')}</tr>`;
  });
  return `<h3>Loads</h3><div class="wide"><table><tr><th>load</th>${head}</tr>${rows.join('')}</table></div>`;
}

function errorList({ loads }: ScenarioReport): string {
  const errors = differentErrors(loads.flatMap(({ summary }) => summary.errors));
  if (errors.length === 0) return '';
  return `<h3>Errors, the first few different ones</h3><ul>${errors.map((error) => `<li><code>${quoted(error)}</code></li>`).join('')}</ul>`;
}

function percentileCharts({ loads }: ScenarioReport): string {
  const kinds = [
    ['ttft', 'Time to first token'],
    ['interToken', 'Time between tokens'],
    ['latency', 'Whole request'],
  ] as const;
  const charts = kinds.map(([kind, title]) => {
    const curves = loads.map(({ name, curves: all }) => ({ name, curve: all[kind] }));
    return figure(title, percentileChart(curves), legend(loads.map(({ name }) => name)));
  });
  return `<div class="charts">${charts.join('')}</div>`;
}

function timeCharts(timeline: Timeline): string {
  const bucket = `${timeline.bucketSeconds} s`;
  return `<div class="charts">${[
    figure(
      `Output tokens per second, in steps of ${bucket}; below, when each load sent`,
      tokensChart(timeline),
      '',
    ),
    figure(
      'Time to first token by the moment of the request',
      ttftChart(timeline),
      legend(['median', 'worst']),
    ),
    figure(`Failures in each ${bucket}`, failuresChart(timeline), legend(Object.keys(timeline.failures))),
  ].join('')}</div>`;
}

function figure(title: string, chart: string, key: string): string {
  return chart === '' ? '' : `<figure><figcaption>${quoted(title)}</figcaption>${chart}${key}</figure>`;
}

const legend = (names: readonly string[]): string =>
  `<div class="legend">${names.map((name, index) => `<span><span class="swatch s${index % 6}"></span>${quoted(name)}</span>`).join('')}</div>`;
