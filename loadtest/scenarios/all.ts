/** Every scenario, in the order that they are listed and run in. */
import type { Scenario } from '../scenario.ts';
import { addedLatency } from './added-latency.ts';
import { burst } from './burst.ts';
import { disconnectStorm } from './disconnect-storm.ts';
import { gateway } from './gateway.ts';
import { load } from './load.ts';
import { longPrompts } from './long-prompts.ts';
import { noisyTenant } from './noisy-tenant.ts';
import { overload } from './overload.ts';
import { replicaLoss } from './replica-loss.ts';
import { slowReaders } from './slow-readers.ts';
import { steady } from './steady.ts';
import { swapUnderLoad } from './swap-under-load.ts';

export const scenarios: readonly Scenario[] = [
  steady,
  burst,
  longPrompts,
  noisyTenant,
  slowReaders,
  disconnectStorm,
  overload,
  swapUnderLoad,
  replicaLoss,
  gateway,
  addedLatency,
  load,
];

/** In the given order, each once. Throws for a name that there is none of. */
export function scenariosNamed(list: string): Scenario[] {
  const names = [...new Set(list.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  return names.map((name) => {
    const found = scenarios.find((scenario) => scenario.name === name);
    if (found !== undefined) return found;
    throw new Error(
      `There is no scenario "${name}". There are ${scenarios.map((each) => each.name).join(', ')}.`,
    );
  });
}
