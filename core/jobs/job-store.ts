/**
 * Jobs on disk, a folder each, every file of which has one writer.
 * The server writes `job.json`, once, and the empty file `cancel`; it also removes the folders of jobs that have ended.
 * The trainer writes `progress.json`, the log in `events`, and `state`, from which it goes on.
 */

import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAll } from '../feedback/log-reader.ts';
import { readIfThere } from '../read-if-there.ts';
import { replaceFile } from '../replace-file.ts';
import type { Shape } from '../shape.ts';
import { isJobId } from './ids.ts';
import { isEnding, type Job, type JobEvent, type JobProgress, type JobRequest } from './job.ts';
import { isJobEvent, isJobProgress, isJobRequest } from './job-shapes.ts';

const requestFile = 'job.json';
const cancelFile = 'cancel';
const progressFile = 'progress.json';

export class JobStore {
  private readonly folder: string;
  /** Jobs whose progress has ended, which is final: their files need not be read again to know that. */
  private readonly ended = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Server: the job is there once its request is. */
  async create(request: JobRequest): Promise<void> {
    await mkdir(this.path(request.id), { recursive: true });
    await replaceFile(this.path(request.id, requestFile), JSON.stringify(request));
  }

  /** Server. May be called again. */
  async cancel(id: string): Promise<void> {
    await writeFile(this.path(id, cancelFile), '', { flush: true });
  }

  /** Server: for jobs that have ended. */
  async remove(id: string): Promise<void> {
    // Without its request it is no job any more, whatever else is left after a crash.
    await rm(this.path(id, requestFile), { force: true });
    await rm(this.path(id), { recursive: true, force: true });
    this.ended.delete(id);
  }

  /** Server, before it takes requests: what a crash has left of jobs that never were or are no more. */
  async sweep(): Promise<void> {
    for (const id of await this.ids()) {
      const isAsked = await this.has(id, requestFile);
      if (!isAsked) await rm(this.path(id), { recursive: true, force: true });
    }
  }

  /** Trainer. */
  async write(id: string, progress: JobProgress): Promise<void> {
    await replaceFile(this.path(id, progressFile), JSON.stringify(progress));
  }

  /** Folder of the job's log; the trainer opens its writer there. */
  eventsPath(id: string): string {
    return this.path(id, 'events');
  }

  /** The trainer's own. */
  statePath(id: string): string {
    return this.path(id, 'state');
  }

  /** Null when there is none of this id. */
  async read(id: string): Promise<Job | null> {
    const request = await this.request(id);
    if (request === null) return null;
    const progress = await this.json<JobProgress>(id, progressFile, isJobProgress);
    if (progress !== null && isEnding(progress.status)) this.ended.add(id);
    return { request, progress, isCancelled: await this.isCancelled(id) };
  }

  /** Whether the client has asked to stop. */
  async isCancelled(id: string): Promise<boolean> {
    return this.has(id, cancelFile);
  }

  /** All of them, in the order in which they were asked for. */
  async requests(): Promise<JobRequest[]> {
    const found = await Promise.all((await this.ids()).map((id) => this.request(id)));
    return found.filter((request) => request !== null).sort((a, b) => a.createdMs - b.createdMs);
  }

  /** Those that the trainer has not ended, in order. */
  async pending(): Promise<Job[]> {
    const jobs: Job[] = [];
    for (const id of await this.ids()) {
      if (this.ended.has(id)) continue;
      const job = await this.read(id);
      if (job !== null && !this.ended.has(id)) jobs.push(job);
    }
    return jobs.sort((a, b) => a.request.createdMs - b.request.createdMs);
  }

  /** What the job's log holds, oldest first; its writer bounds it. */
  async events(id: string): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for await (const { record } of readAll(this.eventsPath(id), (json) =>
      isJobEvent(json) ? (json as JobEvent) : null,
    ))
      events.push(record);
    return events;
  }

  private path(id: string, ...file: string[]): string {
    if (!isJobId(id)) throw new Error('the id of a job is not checked');
    return join(this.folder, id, ...file);
  }

  private async ids(): Promise<string[]> {
    return (await readdir(this.folder).catch((): string[] => [])).filter(isJobId);
  }

  private has(id: string, file: string): Promise<boolean> {
    return lstat(this.path(id, file)).then(
      () => true,
      () => false,
    );
  }

  private request(id: string): Promise<JobRequest | null> {
    return this.json(id, requestFile, isJobRequest);
  }

  /** Null for what is not there, and for what a damaged disk has made of it. */
  private async json<T>(id: string, file: string, shape: Shape): Promise<T | null> {
    const text = await readIfThere(this.path(id, file));
    if (text === null) return null;
    try {
      const json: unknown = JSON.parse(text);
      return shape(json) ? (json as T) : null;
    } catch {
      return null;
    }
  }
}
