/** A load: lengths, arrivals, bounds; and running it against a target. */
import { closedLoop, openLoop } from './arrivals.ts';
import { complete, type Outcome, type Target } from './client.ts';
import { calibratePrompts, type MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';

export interface Scenario {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly numRequests: number;
  readonly arrivals:
    | { readonly kind: 'closed'; readonly clients: number }
    | { readonly kind: 'poisson'; readonly perSecond: number };
  readonly maxMs: number;
  readonly seed: number;
}

/** Asks the server how long a prompt is. Throws when it does not answer. */
export async function calibrate(target: Target): Promise<MakePrompt> {
  return calibratePrompts(async (prompt) => {
    const outcome = await complete(target, { prompt, maxTokens: 1 });
    if (!outcome.ok) throw new Error(`The server at ${target.url.href} does not answer: ${outcome.error}`);
    return outcome.promptTokens;
  }, createRandom(99));
}

export async function runScenario(
  target: Target,
  scenario: Scenario,
  makePrompt: MakePrompt,
): Promise<Outcome[]> {
  const random = createRandom(scenario.seed);
  const prompts = Array.from({ length: scenario.numRequests }, () =>
    makePrompt(scenario.promptTokens, random),
  );
  const outcomes: Outcome[] = [];
  const load = {
    numRequests: scenario.numRequests,
    maxMs: scenario.maxMs,
    async send(index: number) {
      outcomes.push(await complete(target, { prompt: prompts[index]!, maxTokens: scenario.outputTokens }));
    },
  };
  const { arrivals } = scenario;
  if (arrivals.kind === 'closed') await closedLoop(load, arrivals.clients);
  else await openLoop(load, { perSecond: arrivals.perSecond, random });
  return outcomes;
}
