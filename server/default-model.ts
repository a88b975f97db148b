/** Makes sure that a model has been imported: fetches and imports those that the catalogue knows. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../core/errors.ts';
import { listVersions } from '../core/registry/open-version.ts';
import { type Config, flagName, settingNames } from './config/declaration.ts';
import { environment } from './config/environment.ts';
import { findPullable } from './pull/catalogue.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;
const program = fileURLToPath(new URL('./cli/millrace.js', import.meta.url));

/** The settings that fetching and importing look at, as flags. */
function flagsOf(config: Config): string[] {
  return settingNames
    .filter((name) => /^(models\.(dir|quantization)|pull\.|engine\.threads)/.test(name))
    .map((name) => `--${flagName(name)}=${String(config[name])}`);
}

/**
 * Imports in a process of its own, so that the memory it takes is given back. Its progress goes to stderr.
 * Nothing happens for a model that is there, or that is not known.
 */
export async function ensureImported(name: string, config: Config): Promise<void> {
  const versions = await listVersions(config['models.dir']);
  if (versions.includes(name) || findPullable(name) === null) return;
  const child = spawn(process.execPath, [program, 'import', name, ...flagsOf(config)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: environment,
  });
  // Until the server's own handlers are in place, a signal ends this process, and must not leave the import behind.
  const stop = (): void => {
    child.kill();
    process.exit(1);
  };
  for (const signal of signals) process.once(signal, stop);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  for (const signal of signals) process.off(signal, stop);
  if (code === 0) return;
  const message = `The import of ${name} did not succeed; its reason stands above.`;
  throw new MillraceError('invalid_argument', { message });
}
