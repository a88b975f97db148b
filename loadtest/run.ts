/** Runs scenarios one after another, and judges what they measured. */
import { setMaxListeners } from 'node:events';
import { cpus, totalmem } from 'node:os';
import { createTarget } from './client.ts';
import { killProcess, runCommand } from './kill-replica.ts';
import { openLink } from './link.ts';
import { calibrate } from './load.ts';
import type { Options } from './options.ts';
import { exitCodeOf, failedOf, type Measured, measuredOf, type Report } from './report/result.ts';
import { type Given, Rig } from './rig.ts';
import type { Scenario } from './scenario.ts';
import { ask } from './server-state.ts';
import { isOn, judge, merge, parseThreshold, type Threshold, type Verdict } from './threshold.ts';

export interface RunOptions {
  readonly options: Options;
  /** Of the file, or of the command line. */
  readonly thresholds: readonly Threshold[];
  /** Ends everything early. */
  readonly interrupt: AbortSignal;
  readonly say: (text: string) => void;
}

/** Throws when the server does not answer at all. */
export async function run({ options, thresholds, interrupt, say }: RunOptions): Promise<Report> {
  const startedAt = new Date();
  const { scenarios, profile, targets, seed, overrides } = options;
  const given = await givenOf(options);
  const signal = AbortSignal.any([interrupt, AbortSignal.timeout(options.maxMinutes * 60_000)]);
  // Every request that runs listens to it.
  setMaxListeners(0, signal);
  const { maxRequests, maxConnections } = options;
  const [url, apiKey] = [given.urls[0]!, given.key];
  const makePrompt = await calibrate(createTarget({ url, model: given.model, apiKey }));
  const bounds = { maxRequests, maxConnections, signal };
  const rig = new Rig({ given, bounds, profile, overrides, targets, seed, makePrompt, say });
  const measured: Measured[] = [];
  for (const scenario of scenarios) {
    say(scenario.name);
    measured.push(await measure(scenario, rig));
  }
  const judged = judgeAll(merge(defaultsOf(scenarios), thresholds), measured);
  const reports = measured.map((each) => {
    return { ...each, verdicts: judged.verdicts.filter(({ scenario }) => scenario === each.name) };
  });
  return {
    format: 1,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    urls: given.urls,
    model: given.model,
    profile,
    targets,
    seed,
    machine: machine(),
    problems: judged.problems,
    exitCode: exitCodeOf({ scenarios: reports, problems: judged.problems }),
    scenarios: reports,
  };
}

async function measure(scenario: Scenario, rig: Rig): Promise<Measured> {
  const startMs = performance.now();
  const seconds = (): number => (performance.now() - startMs) / 1000;
  try {
    const missing = scenario.missing?.(rig.given) ?? null;
    if (missing !== null) throw new Error(`It needs ${missing}.`);
    rig.checkTime();
    const result = await scenario.run(rig);
    return measuredOf(scenario, seconds(), result);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    rig.say(`  ${problem}`);
    return failedOf(scenario, seconds(), problem);
  }
}

export const defaultsOf = (scenarios: readonly Scenario[]): Threshold[] =>
  scenarios.flatMap(({ name, holds }) => holds.map((text) => parseThreshold(`${name}.${text}`)));

/** On scenarios that were run to their end; what stopped the others is told with them. */
function judgeAll(
  thresholds: readonly Threshold[],
  measured: readonly Measured[],
): { readonly verdicts: Verdict[]; readonly problems: string[] } {
  const whole = measured.filter(({ problem }) => problem === null);
  const verdicts: Verdict[] = [];
  const problems: string[] = [];
  for (const threshold of thresholds.filter((each) => whole.some((scenario) => isOn(each, scenario)))) {
    try {
      verdicts.push(...judge(threshold, whole));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { verdicts, problems };
}

async function givenOf(options: Options): Promise<Given> {
  const { urls, key, noisyKey, adminUrl, adminKey, tenant, versions, killPid, killCommand } = options;
  const killReplica =
    killPid !== null ? killProcess(killPid) : killCommand !== null ? runCommand(killCommand) : null;
  const model = options.model ?? (await firstModel(urls[0]!, key));
  const admin = adminUrl === null ? null : openLink(adminUrl, adminKey);
  return { urls, model, key, noisyKey, admin, tenant, versions, killReplica };
}

async function firstModel(url: string, key: string | null): Promise<string> {
  const path = `${new URL(url).pathname.replace(/\/$/, '')}/models`;
  const { data } = await ask<{ data?: readonly { readonly id: string }[] }>(openLink(url, key), {
    method: 'GET',
    path,
  }).catch((error: Error): never => {
    throw new Error(`${url} does not answer: ${error.message}`);
  });
  const first = data?.[0]?.id;
  if (first !== undefined) return first;
  throw new Error(`${url} lists no model; name one with --model.`);
}

function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores of ${cpus()[0]?.model.trim()}, ${memory} GiB, Node.js ${process.versions.node}`;
}
