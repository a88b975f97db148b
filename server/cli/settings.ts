/** The effective configuration of an invocation. */
import { environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import type { Invocation } from './command.ts';

/** Throws config_invalid with every problem. */
export function configOf(invocation: Invocation): LoadedConfig {
  const file = invocation.configFile === null ? {} : { file: invocation.configFile };
  return loadConfig({ ...file, environment, flags: invocation.flags });
}
