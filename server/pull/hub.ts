/** The files of one repository on the Hugging Face hub, one after another. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HubSource } from './catalogue.ts';
import type { PullContext } from './context.ts';
import { download } from './download.ts';

const idleMs = 30_000;

export async function fetchFromHub(source: HubSource, context: PullContext): Promise<void> {
  for (const file of source.files) {
    const path = join(context.folder, file);
    await mkdir(dirname(path), { recursive: true });
    await download({
      url: `${context.hubUrl}/${source.repository}/resolve/${source.revision}/${file}`,
      path,
      connectMs: context.connectMs,
      idleMs,
      signal: context.signal,
      sha256: null,
      onBytes: (done, total) =>
        context.progress.amount(`downloading ${file}`, { done, total, unit: 'bytes' }),
    });
  }
}
