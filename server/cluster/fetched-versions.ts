/** Versions whose files are fetched: each once at a time, over what it was built on, published by one rename. */
import { lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../core/errors.ts';
import { manifestFile } from '../../core/registry/manifest.ts';
import { sync } from '../../core/sync.ts';
import { Turns } from '../../core/turns.ts';
import { fetchFile } from './fetch-file.ts';
import { pause } from './pause.ts';
import type { VersionFiles } from './version-files.ts';
import { asidePrefix, locate, parseManifestOf, placesOf, type VersionFolders } from './version-folders.ts';
import { nameOf, pathOf, type VersionRef } from './version-ref.ts';
import type { VersionSource } from './version-source.ts';

export interface FetchedVersionsOptions {
  readonly folders: VersionFolders;
  readonly files: VersionFiles;
  /** Tries of a file or of a manifest that a broken connection or a source that is away may take. */
  readonly maxTries: number;
  /** Without a byte for so long, a try has failed. */
  readonly idleMs: number;
  /** Before the second try; it doubles with each. */
  readonly firstBackOffMs: number;
}

/** An adapter's ancestors that are fetched with it at most: a consolidation begins a new chain long before. */
const maxAncestors = 10_000;
const maxBackOffMs = 5_000;
/** What was begun and not gone on with for so long is removed. */
const leftoverMs = 24 * 3_600_000;

interface Wanted {
  readonly ref: VersionRef;
  readonly text: string;
}

export class FetchedVersions implements VersionSource {
  numFetched = 0;
  /** Bytes of files, those of tries that failed among them. */
  numBytes = 0;
  private readonly options: FetchedVersionsOptions;
  private readonly underWay = new Map<string, Promise<void>>();
  /** One chain after another: two may share ancestors. */
  private readonly turns = new Turns();
  private readonly closing = new AbortController();

  constructor(options: FetchedVersionsOptions) {
    this.options = options;
  }

  /** To be called once, before the first `ensure`. */
  async sweep(nowMs: number): Promise<void> {
    const { adapters, modelsDir } = this.options.folders;
    for (const parent of [adapters, modelsDir]) {
      const names = await readdir(parent).catch((): string[] => []);
      for (const name of names.filter((each) => each.startsWith(asidePrefix))) {
        const path = join(parent, name);
        if (nowMs - (await stat(path)).mtimeMs > leftoverMs) await rm(path, { recursive: true, force: true });
      }
    }
  }

  /** Whoever asks while it is fetched waits for the same fetch. One that was broken off goes on where it was. */
  async ensure(ref: VersionRef): Promise<void> {
    this.closing.signal.throwIfAborted();
    if (await this.isHere(ref)) return;
    const key = pathOf(ref);
    const earlier = this.underWay.get(key);
    if (earlier !== undefined) return earlier;
    const fetching = this.turns.run(() => this.fetchChain(ref)).finally(() => this.underWay.delete(key));
    this.underWay.set(key, fetching);
    await fetching;
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the replica is stopping'));
    await Promise.allSettled(this.underWay.values());
  }

  private async isHere(ref: VersionRef): Promise<boolean> {
    return locate(this.options.folders, ref).then(
      () => true,
      () => false,
    );
  }

  /** The oldest first, so that whatever is found has all that it was built on. */
  private async fetchChain(ref: VersionRef): Promise<void> {
    const chain: Wanted[] = [];
    for (let next: VersionRef | null = ref; next !== null && !(await this.isHere(next)); ) {
      if (chain.length >= maxAncestors) throw failed(ref, `it has more than ${maxAncestors} ancestors`);
      const wanted: Wanted = { ref: next, text: await this.manifest(next) };
      chain.push(wanted);
      const { parent } = this.described(wanted);
      next = parent === null ? null : { kind: 'adapter', id: parent };
    }
    for (const wanted of chain.reverse()) await this.fetch(wanted);
  }

  private described({ ref, text }: Wanted) {
    const manifest = parseManifestOf(ref, text);
    if (!('problem' in manifest)) return manifest;
    const path = `${this.options.files.shown}/${pathOf(ref)}`;
    throw new MillraceError('version_invalid', { path, reason: manifest.problem });
  }

  private async manifest(ref: VersionRef): Promise<string> {
    const { files, idleMs } = this.options;
    const text = await this.tried(ref, () =>
      files.manifest(ref, AbortSignal.any([this.closing.signal, AbortSignal.timeout(idleMs)])),
    );
    if (text !== null) return text;
    throw new MillraceError('version_not_found', { version: nameOf(ref) });
  }

  private async fetch(wanted: Wanted): Promise<void> {
    const { ref, text } = wanted;
    const { files: source, idleMs, folders } = this.options;
    const { parent, place, aside } = placesOf(folders, ref);
    const { files } = this.described(wanted);
    try {
      await mkdir(aside, { recursive: true });
      await dropStrangers(aside, new Set(files.map(({ path }) => path)));
      for (const file of files) {
        await this.tried(ref, () =>
          fetchFile({
            file,
            folder: aside,
            read: (offset, within) => source.read(ref, file, offset, within),
            onBytes: (bytes) => {
              this.numBytes += bytes;
            },
            idleMs,
            signal: this.closing.signal,
          }),
        );
      }
      await writeFile(join(aside, manifestFile), text, { flush: true });
      await sync(aside);
      // What lies there and was not found is damaged.
      await rm(place, { recursive: true, force: true });
      await rename(aside, place);
      await sync(parent);
      this.numFetched++;
    } catch (error) {
      throw await this.giveUp(error, ref, aside);
    }
  }

  /** A full disk is left as it was found; what a broken connection has left is gone on with. */
  private async giveUp(error: unknown, ref: VersionRef, aside: string): Promise<unknown> {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof MillraceError) return error;
    await rm(aside, { recursive: true, force: true });
    const reason = fullDisk.has(code) ? `the disk is full (${code})` : `the disk refuses it (${code})`;
    return failed(ref, reason);
  }

  /** Tries again what may go well the next time. Throws version_fetch_failed with the last reason. */
  private async tried<T>(ref: VersionRef, work: () => Promise<T>): Promise<T> {
    const { maxTries, firstBackOffMs } = this.options;
    const { signal } = this.closing;
    for (let numTries = 1; ; numTries++) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        const { message, code } = error as NodeJS.ErrnoException;
        // Sources give their failures without a code: this one is the disk's, or decided already.
        if (code !== undefined) throw error;
        if (numTries >= maxTries) throw failed(ref, `${message}, ${numTries} tries`, error);
        await pause(Math.min(maxBackOffMs, firstBackOffMs * 2 ** (numTries - 1)), signal);
      }
    }
  }
}

const fullDisk = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function failed(ref: VersionRef, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('version_fetch_failed', { version: nameOf(ref), reason }, { cause });
}

async function dropStrangers(folder: string, expected: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const isPlain = (await lstat(join(folder, name))).isFile();
    if (!isPlain || !expected.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
