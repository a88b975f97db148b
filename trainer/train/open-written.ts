/** Graphs that refer to the base weights: written beside them, since the runtime reads no weights from elsewhere. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';

/** An opened graph needs its file no more. `kind` tells those of one process apart. */
export async function openWritten(
  open: OpenGraph,
  folder: string,
  kind: string,
  bytes: Uint8Array,
): Promise<OpenedGraph> {
  const path = join(folder, `${kind}-${process.pid}.onnx`);
  await writeFile(path, bytes);
  try {
    return await open(path);
  } finally {
    await rm(path, { force: true });
  }
}
