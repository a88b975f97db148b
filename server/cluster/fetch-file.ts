/** One file of a version, from the byte that was got to: written, synced and checked against the manifest. */
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfFile } from '../../core/registry/digest.ts';
import type { FileEntry } from '../../core/registry/manifest.ts';
import type { FileBytes } from './version-files.ts';

export interface FetchFileOptions {
  readonly file: FileEntry;
  /** Folder that it is written into, under its own name. */
  readonly folder: string;
  readonly read: (offset: number, signal: AbortSignal) => Promise<FileBytes>;
  readonly onBytes: (bytes: number) => void;
  /** Without a byte for so long, it has failed. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** Throws when the connection ends early, what the disk says, and when what came is not the file: then nothing stays. */
export async function fetchFile(options: FetchFileOptions): Promise<void> {
  const { file, folder } = options;
  const path = join(folder, file.path);
  const found = await sizeOf(path);
  if (found > file.bytes) await rm(path);
  const done = found > file.bytes ? 0 : found;
  if (done < file.bytes || file.bytes === 0) await append(options, path, done);
  if ((await sha256OfFile(path)) === file.sha256) return;
  await rm(path, { force: true });
  throw new Error(`${file.path} is not the file of its manifest: its SHA-256 is another one`);
}

async function append(options: FetchFileOptions, path: string, done: number): Promise<void> {
  const { file, read } = options;
  const handle = await open(path, 'a', 0o644);
  const idle = idleTimer(options.idleMs, options.signal);
  try {
    if (done < file.bytes) {
      const { from, chunks } = await read(done, idle.signal);
      // A source that gives whole files only begins again.
      if (from !== done) await handle.truncate(from);
      await write(handle, chunks, from, options, idle);
    }
    await handle.sync();
  } finally {
    idle.end();
    await handle.close();
  }
}

async function write(
  handle: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
  from: number,
  { file, onBytes }: FetchFileOptions,
  idle: IdleTimer,
): Promise<void> {
  let size = from;
  for await (const chunk of chunks) {
    idle.touch();
    size += chunk.length;
    if (size > file.bytes) {
      await handle.truncate(0);
      throw new Error(`${file.path} goes on beyond the ${file.bytes} bytes that its manifest says`);
    }
    await handle.appendFile(chunk);
    onBytes(chunk.length);
  }
  if (size < file.bytes) throw new Error(`${file.path} ended after ${size} of ${file.bytes} bytes`);
}

interface IdleTimer {
  readonly signal: AbortSignal;
  touch(): void;
  end(): void;
}

function idleTimer(ms: number, unwanted: AbortSignal): IdleTimer {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error(`no data for ${ms} ms`));
  let timer = setTimeout(abort, ms);
  return {
    signal: AbortSignal.any([controller.signal, unwanted]),
    touch() {
      clearTimeout(timer);
      timer = setTimeout(abort, ms);
    },
    end: () => clearTimeout(timer),
  };
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );
