/** `learning.targets` as the trainer and the engine take it. */
import { type LoraTarget, loraTargets } from '../../core/adapter/lora.ts';
import { MillraceError } from '../../core/errors.ts';
import type { Config } from './declaration.ts';

/** In the order of a layer. Throws invalid_argument for a name that no linear has. */
export function learningTargets(config: Pick<Config, 'learning.targets'>): LoraTarget[] {
  const names = config['learning.targets'].split(',').map((name) => name.trim());
  const unknown = names.find((name) => !loraTargets.some((target) => target === name));
  if (unknown === undefined) return loraTargets.filter((target) => names.includes(target));
  const message = `learning.targets names "${unknown}"; a model has ${loraTargets.join(', ')}.`;
  throw new MillraceError('invalid_argument', { message });
}
