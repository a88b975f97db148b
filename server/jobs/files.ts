/** Files of tenants: taken in within their limits, looked at, redacted, stored, given back. */
import type { Readable } from 'node:stream';
import { MillraceError } from '../../core/errors.ts';
import { newFileId } from '../../core/jobs/ids.ts';
import { redact } from '../../core/privacy/redact.ts';
import type { CheckedFile, FileProblem } from './check-file.ts';
import type { CheckTask } from './check-in-thread.ts';
import type { FileShelf, StoredFile } from './file-shelf.ts';
import type { JobLimits } from './job-limits.ts';

export interface Upload {
  readonly filename: string;
  readonly bytes: Uint8Array;
}

export type Check = (task: CheckTask, limitMs: number) => Promise<CheckedFile | FileProblem>;

const retryAfterMs = 1_000;
const maxFilename = 255;

export class Files {
  private readonly shelf: FileShelf;
  private readonly limits: JobLimits;
  private readonly check: Check;
  private readonly now: () => number;
  /** Uploads under way. */
  private readonly uploads = new Set<{ readonly tenant: string; bytes: number }>();

  constructor(shelf: FileShelf, limits: JobLimits, check: Check, now: () => number) {
    this.shelf = shelf;
    this.limits = limits;
    this.check = check;
    this.now = now;
  }

  /** Of one file; the receiver stops there. */
  get maxFileBytes(): number {
    return this.limits.maxFileBytes;
  }

  /**
   * `receive` is called once there is room. Throws invalid_argument for what cannot be learned from or stored, and
   * queue_full while too many files are on their way.
   */
  async upload(tenant: string, receive: () => Promise<Upload>): Promise<StoredFile> {
    const { maxFileRows, checkMs } = this.limits;
    const upload = { tenant, bytes: 0 };
    this.admit(upload);
    try {
      const { filename, bytes } = await receive();
      const { content, ...about } = accepted(await this.check({ bytes, maxRows: maxFileRows }, checkMs));
      upload.bytes = content.length;
      this.refuseBeyond(tenant);
      const createdMs = this.shelf.stamp(this.now());
      const name = redact(filename.replace(/\p{Cc}/gu, '').slice(0, maxFilename)).text;
      const file = { id: newFileId(), tenant, filename: name, bytes: content.length, createdMs, ...about };
      await this.shelf.add(file, content);
      return file;
    } finally {
      this.uploads.delete(upload);
    }
  }

  /** Oldest first. */
  list(tenant: string): StoredFile[] {
    return this.shelf.list(tenant);
  }

  /** Throws file_not_found, naming `param` when a request refers to the file. */
  get(tenant: string, id: string, param?: string): StoredFile {
    const file = this.shelf.get(tenant, id);
    if (file !== null) return file;
    const details = { id: id.replace(/[^\w-]/g, '?').slice(0, 64) };
    throw new MillraceError('file_not_found', details, param === undefined ? {} : { param });
  }

  /** Throws file_not_found. */
  content(tenant: string, id: string): Readable {
    return this.shelf.read(this.get(tenant, id));
  }

  /** Throws file_not_found. */
  async remove(tenant: string, id: string): Promise<void> {
    await this.shelf.remove(this.get(tenant, id));
  }

  private admit(upload: { readonly tenant: string; bytes: number }): void {
    const { maxFiles, maxUploads, maxTenantUploads } = this.limits;
    const own = [...this.uploads].filter(({ tenant }) => tenant === upload.tenant).length;
    if (this.shelf.list(upload.tenant).length + own >= maxFiles) {
      refuse(`you have ${maxFiles} files, which is the most. Delete some first.`);
    }
    if (own >= maxTenantUploads || this.uploads.size >= maxUploads) {
      throw new MillraceError('queue_full', { waiting: this.uploads.size, retryAfterMs });
    }
    this.uploads.add(upload);
  }

  /** Files that are being written count. */
  private refuseBeyond(tenant: string): void {
    const { maxTenantBytes } = this.limits;
    const coming = [...this.uploads].filter((upload) => upload.tenant === tenant);
    const bytes = [...this.shelf.list(tenant), ...coming].reduce((sum, file) => sum + file.bytes, 0);
    if (bytes <= maxTenantBytes) return;
    refuse(`your files would have ${bytes} bytes, at most ${maxTenantBytes}. Delete some first.`);
  }
}

function accepted(checked: CheckedFile | FileProblem): CheckedFile {
  if (!('problem' in checked)) return checked;
  const { line, problem } = checked;
  return refuse(`${line === null ? 'the file' : `line ${line} of the file`} cannot be used: ${problem}.`);
}

function refuse(message: string): never {
  throw new MillraceError('invalid_argument', { message }, { param: 'file' });
}
