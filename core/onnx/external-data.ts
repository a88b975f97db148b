/** The file that holds a version's weights, written front to back, one tensor in memory at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import type { ExternalTensor } from './graph.ts';
import type { DataType } from './ops.ts';

/** Tensors start on page borders, so that the runtime can map them. */
const alignment = 4096;

export class ExternalDataWriter {
  private readonly file: FileHandle;
  private position = 0;

  private constructor(file: FileHandle) {
    this.file = file;
  }

  /** Creates `path`; fails if it exists. */
  static async create(path: string): Promise<ExternalDataWriter> {
    return new ExternalDataWriter(await open(path, 'wx'));
  }

  async write(
    name: string,
    type: DataType,
    dims: readonly number[],
    data: Float32Array | Int8Array | Uint8Array,
  ): Promise<ExternalTensor> {
    const offset = Math.ceil(this.position / alignment) * alignment;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    await writeAll(this.file, bytes, offset);
    this.position = offset + bytes.length;
    return { name, type, dims, offset, length: bytes.length };
  }

  /** Flushes to the disk and closes. */
  async finish(): Promise<void> {
    await this.file.sync();
    await this.file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
