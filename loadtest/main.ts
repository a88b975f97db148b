/** `npm run loadtest -- --help`: questions to a server, asked by loads. */
import { help, type Options, parseOptions } from './options.ts';
import { terminalReport } from './report/terminal.ts';
import { writeReport } from './report/write.ts';
import { run } from './run.ts';
import { scenarios } from './scenarios/all.ts';
import { merge, type Threshold } from './threshold.ts';
import { readThresholds } from './threshold-file.ts';

const say = (text: string): void => console.error(text);
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(2);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help' || options === 'list') {
    console.log(options === 'help' ? help : list());
    return 0;
  }
  const thresholds = await thresholdsOf(options);
  const report = await run({ options, thresholds, interrupt: interrupt.signal, say });
  console.log(terminalReport(report));
  if (options.out !== null) say((await writeReport(options.out, report)).join('\n'));
  return report.exitCode;
}

/** Those of the command line go before those of the file. One on a scenario that is not run is told and left. */
async function thresholdsOf({ thresholds, thresholdFile, scenarios: chosen }: Options): Promise<Threshold[]> {
  const ofFile = thresholdFile === null ? [] : await readThresholds(thresholdFile);
  const all = merge(ofFile, thresholds);
  for (const { scenario, text } of all) {
    const isKnown = (those: typeof chosen): boolean =>
      scenario === '*' || those.some(({ name }) => name === scenario);
    if (!isKnown(scenarios)) throw new Error(`"${text}": there is no scenario ${scenario}; see --list.`);
    if (!isKnown(chosen)) say(`${text}: not judged, since ${scenario} is not run`);
  }
  return all;
}

function list(): string {
  return scenarios
    .map(({ name, answers, holds }) => [name, `  ${answers}`, ...holds.map((text) => `  ${text}`)].join('\n'))
    .join('\n\n');
}
