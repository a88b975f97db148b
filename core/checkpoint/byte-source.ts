/** A regular file read in pieces, with every read checked against its real size. */
import { type FileHandle, open } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';

export class ByteSource {
  readonly path: string;
  readonly size: number;
  private readonly file: FileHandle;

  private constructor(path: string, size: number, file: FileHandle) {
    this.path = path;
    this.size = size;
    this.file = file;
  }

  static async open(path: string): Promise<ByteSource> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw new MillraceError('checkpoint_not_found', { path }, { cause });
    });
    const stat = await file.stat();
    if (stat.isFile()) return new ByteSource(path, stat.size, file);
    await file.close();
    throw new MillraceError('checkpoint_invalid', { path, reason: 'it is not a regular file.' });
  }

  /** Throws checkpoint_invalid, before allocating, when the file ends earlier. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!inside || offset + length > this.size) {
      this.refuse(`bytes ${offset} to ${offset + length} are wanted, but the file has ${this.size}.`);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) this.refuse('the file became shorter while it was read.');
      done += bytesRead;
    }
    return bytes;
  }

  refuse(reason: string): never {
    throw new MillraceError('checkpoint_invalid', { path: this.path, reason });
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
