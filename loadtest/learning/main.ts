/** `node dist/loadtest/learning/main.js --help`: what learning while serving is worth, over HTTP only. */
import { parseArgs } from 'node:util';
import { type Experiment, experiments, type MeasureName, measureNames } from './experiments.ts';
import { factsFor } from './facts.ts';
import { openLab } from './lab.ts';
import type { Finding } from './measure.ts';
import { table, writeReport } from './report.ts';
import { startLearningServer } from './server.ts';

const help = `Usage: node dist/loadtest/learning/main.js [options]
  --only LIST         of ${measureNames.join(', ')}; default all
  --models-dir DIR    imported models, default models
  --model NAME        default smollm2-135m-instruct
  --facts WHICH       tuning (default), or final: the half of the facts that is for published figures only
  --corrections N     of forgetting, one after another, default 100, at most 600
  --streams N         clients that stream chats all the while, default 4, at most 64
  --minutes N         at most, for each measure, default 40, at most 240
  --serve FLAG        a further flag of \`millrace serve\`, such as --serve=--engine-threads=2; may be repeated
  --out DIR           default docs/benchmarks/<date>-learning
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: measureNames.join(',') },
    'models-dir': { type: 'string', default: 'models' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    facts: { type: 'string', default: 'tuning' },
    corrections: { type: 'string', default: '100' },
    streams: { type: 'string', default: '4' },
    minutes: { type: 'string', default: '40' },
    serve: { type: 'string', multiple: true, default: [] },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => console.error(text);
const interrupt = new AbortController();

async function main(): Promise<void> {
  const wanted = namesOf(values.only);
  const date = new Date().toISOString().slice(0, 10);
  const folder = values.out ?? `docs/benchmarks/${date}-learning`;
  const findings: Record<string, Finding> = {};
  const commands: Record<string, string> = {};
  let failures = 0;
  for (const experiment of experiments) {
    const names = experiment.gives.filter((name) => wanted.includes(name));
    if (names.length === 0 || interrupt.signal.aborted) continue;
    say(names.join(', '));
    const done = await runOne(experiment).catch((error: unknown) => {
      say(`  failed: ${error instanceof Error ? error.message : error}`);
      failures += 1;
      return null;
    });
    if (done === null) continue;
    for (const name of names) {
      findings[name] = done.findings[name]!;
      commands[name] = done.command;
    }
    // After each measure, so that a long run that is cut short has what it had.
    const { model, facts } = values;
    const streams = whole('streams', 64);
    await writeReport(folder, { date, model, facts, streams, commands, findings });
    for (const name of names) console.log(`\n${name}\n${table(findings[name]!.figures)}`);
  }
  console.log(`\nWritten to ${folder}.`);
  if (failures > 0) throw new Error(`${failures} of the measures failed.`);
}

async function runOne(
  experiment: Experiment,
): Promise<{ findings: Readonly<Record<string, Finding>>; command: string }> {
  const at = { modelsDir: values['models-dir'], model: values.model, flags: values.serve };
  const lab = openLab({
    facts: factsFor(useOf(values.facts)),
    maxMsPerMeasure: whole('minutes', 240) * 60_000,
    numStreams: whole('streams', 64),
    startServer: (tenant) => startLearningServer(at, tenant),
    say,
  });
  const stop = (): void => {
    interrupt.abort();
    void lab.close();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const findings = await experiment.run(lab, { numCorrections: whole('corrections', 600) });
    return { findings, command: lab.command() };
  } catch (error) {
    if (lab.said() !== '') say(`  the server wrote:\n${lab.said()}`);
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await lab.close();
  }
}

function namesOf(list: string): MeasureName[] {
  return list.split(',').map((given) => {
    const name = measureNames.find((each) => each === given.trim());
    if (name !== undefined) return name;
    throw new Error(`--only names "${given}"; known are ${measureNames.join(', ')}.`);
  });
}

function useOf(which: string): 'tuning' | 'final' {
  if (which === 'tuning' || which === 'final') return which;
  throw new Error(`--facts is ${which}, expected tuning or final.`);
}

function whole(name: 'corrections' | 'minutes' | 'streams', most: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`--${name} is ${values[name]}, expected a whole number from 1 to ${most}.`);
}

if (values.help) {
  console.log(help);
} else {
  try {
    await main();
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
