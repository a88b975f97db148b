/** Versions for tests: real folders with real manifests, and files of bytes that mean nothing. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { publishBaseVersion } from '../../core/registry/base-versions.ts';
import type { VersionFiles } from './version-files.ts';
import type { VersionFolders } from './version-folders.ts';

/** Deterministic, and nowhere the same. */
export function bytesOf(seed: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let block = 0; block * 32 < length; block++)
    parts.push(createHash('sha256').update(`${seed} ${block}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

/** Two folders of a replica, empty. */
export function foldersAt(root: string): VersionFolders {
  const folders = { adapters: join(root, 'adapters'), modelsDir: join(root, 'models') };
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true });
  return folders;
}

export async function addAdapter(
  { adapters }: VersionFolders,
  name: string,
  { parent = null, bytes = 10_000 }: { parent?: string | null; bytes?: number } = {},
): Promise<string> {
  const files = {
    'adapter.bin': bytesOf(name, bytes),
    'adapter_config.json': bytesOf(`${name} config`, 100),
  };
  const lineage = {
    model: 'tiny',
    tenant: 'acme',
    base: `sha256:${'0'.repeat(64)}`,
    parent,
    rows: [],
    recipe: { kind: 'feedback' },
    shape: { rank: 8, alpha: 16, firstLayer: 0, targets: ['q' as const] },
    gate: null,
  };
  return (await publishAdapter(adapters, files, lineage, new Date(0))).id;
}

/** Returns its digest. */
export async function addBase({ modelsDir }: VersionFolders, bytes = 20_000): Promise<string> {
  const manifest = await publishBaseVersion({
    modelsDir,
    name: 'tiny',
    now: () => new Date(0),
    async write(folder) {
      writeFileSync(join(folder, 'serving.onnx'), bytesOf('graph', 500));
      writeFileSync(join(folder, 'weights.bin'), bytesOf('weights', bytes));
      return {
        source: { format: 'gguf', name: 'tiny' },
        kind: 'decoder',
        architecture: 'llama',
        quantization: 'int8',
      };
    },
  });
  return manifest!.version;
}

/** Breaks off, or does something else, once so many bytes of files have come. */
export function interrupted(
  files: VersionFiles,
  afterBytes: number,
  work: () => Promise<void>,
): VersionFiles {
  let bytes = 0;
  let isDone = false;
  return {
    shown: files.shown,
    manifest: (ref, signal) => files.manifest(ref, signal),
    async read(ref, file, offset, signal) {
      const read = await files.read(ref, file, offset, signal);
      const chunks = (async function* () {
        for await (const chunk of read.chunks) {
          yield chunk;
          bytes += chunk.length;
          if (bytes < afterBytes || isDone) continue;
          isDone = true;
          await work();
        }
      })();
      return { from: read.from, chunks };
    },
  };
}
