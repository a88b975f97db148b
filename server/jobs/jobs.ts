/**
 * Fine-tuning jobs as tenants see them: asked for, watched, cancelled. Training is another process' work, which is met
 * on disk (core/jobs/job-store.ts); how far a job is, is read there each time.
 */
import { MillraceError } from '../../core/errors.ts';
import { isSuffix } from '../../core/jobs/fine-tuned-name.ts';
import { newJobId } from '../../core/jobs/ids.ts';
import { isEnding, type Job, type JobEvent, type JobRequest, statusOf } from '../../core/jobs/job.ts';
import { JobStore } from '../../core/jobs/job-store.ts';
import { redact } from '../../core/privacy/redact.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import { Turns } from '../../core/turns.ts';
import { checkInThread } from './check-in-thread.ts';
import { FileShelf } from './file-shelf.ts';
import { type Check, Files } from './files.ts';
import { type JobLimits, jobDefaults } from './job-limits.ts';
import { type Page, type PageAsk, pageOf } from './page.ts';

export interface JobsOptions {
  readonly layout: Pick<LearningLayout, 'files' | 'jobs'>;
  readonly limits?: JobLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly check?: Check;
}

export type JobOrder = Omit<JobRequest, 'id' | 'tenant' | 'createdMs'>;

const retryAfterMs = 60_000;

export class Jobs {
  readonly files: Files;
  private readonly store: JobStore;
  private readonly limits: JobLimits;
  private readonly now: () => number;
  /** By tenant, then by id, in the order in which they were asked for. */
  private readonly requests = new Map<string, Map<string, JobRequest>>();
  private lastMs = 0;
  /** Jobs are made one after the other, so that each counts those before it, and no file leaves while one is made of it. */
  private readonly turns: Turns;

  private constructor(files: Files, store: JobStore, limits: JobLimits, now: () => number) {
    this.files = files;
    this.store = store;
    this.limits = limits;
    this.now = now;
    this.turns = new Turns(limits.maxPending, retryAfterMs);
  }

  static async open({
    layout,
    limits = jobDefaults,
    now,
    check = checkInThread,
  }: JobsOptions): Promise<Jobs> {
    const store = new JobStore(layout.jobs);
    await store.sweep();
    const shelf = await FileShelf.open(layout.files);
    const jobs = new Jobs(new Files(shelf, limits, check, now), store, limits, now);
    for (const request of await store.requests()) jobs.remember(request);
    return jobs;
  }

  /** Throws file_not_found, invalid_argument for files that do not fit the method, queue_full. */
  async create(tenant: string, order: JobOrder): Promise<Job> {
    this.checkFiles(tenant, order);
    if (order.suffix !== '' && !isSuffix(order.suffix)) {
      refuse('"suffix" has 1 to 64 of A-Z a-z 0-9 _ . - and nothing else.', 'suffix');
    }
    return this.turns.run(() => this.make(tenant, order));
  }

  /** Newest first. */
  async list(tenant: string, ask: PageAsk): Promise<Page<Job>> {
    const { items, hasMore } = pageOf(this.ofTenant(tenant).reverse(), ask);
    const jobs = await Promise.all(items.map(({ id }) => this.store.read(id)));
    return { items: jobs.filter((job) => job !== null), hasMore };
  }

  /** Throws job_not_found. */
  async get(tenant: string, id: string): Promise<Job> {
    const job = this.requests.get(tenant)?.has(id) === true ? await this.store.read(id) : null;
    if (job !== null) return job;
    throw new MillraceError('job_not_found', { id: id.replace(/[^\w-]/g, '?').slice(0, 64) });
  }

  /** Throws job_not_found, and invalid_argument when the job has ended by itself. */
  async cancel(tenant: string, id: string): Promise<Job> {
    const job = await this.get(tenant, id);
    const status = statusOf(job);
    if (status === 'succeeded' || status === 'failed') {
      refuse(`the job ${id} has ${status} already; there is nothing to cancel.`, 'fine_tuning_job_id');
    }
    if (!job.isCancelled) await this.store.cancel(id);
    return { ...job, isCancelled: true };
  }

  /** Newest first. Throws job_not_found. */
  async events(tenant: string, id: string, ask: PageAsk): Promise<Page<JobEvent>> {
    await this.get(tenant, id);
    return pageOf((await this.store.events(id)).reverse(), ask);
  }

  /** Throws file_not_found, and invalid_argument while a job still needs the file. */
  removeFile(tenant: string, id: string): Promise<void> {
    return this.turns.run(() => this.removeUnused(tenant, id));
  }

  private async removeUnused(tenant: string, id: string): Promise<void> {
    this.files.get(tenant, id);
    const user = (await this.store.pending()).find(
      ({ request, isCancelled }) =>
        !isCancelled && (request.trainingFile === id || request.validationFile === id),
    );
    if (user !== undefined)
      refuse(`the job ${user.request.id} needs the file ${id}. Cancel it first.`, 'file_id');
    await this.files.remove(tenant, id);
  }

  private checkFiles(tenant: string, { method, trainingFile, validationFile }: JobOrder): void {
    const wanted = method === 'dpo' ? 'preference' : 'chat';
    const named = [['training_file', trainingFile] as const, ['validation_file', validationFile] as const];
    for (const [param, id] of named) {
      if (id === null) continue;
      const { kind } = this.files.get(tenant, id, param);
      if (kind === wanted) continue;
      refuse(
        `the method "${method}" needs lines of the ${wanted} format; those of ${id} are of the ${kind} format.`,
        param,
      );
    }
  }

  private async make(tenant: string, order: JobOrder): Promise<Job> {
    this.checkFiles(tenant, order);
    await this.makeRoom(tenant);
    this.lastMs = Math.max(this.now(), this.lastMs + 1);
    const metadata = order.metadata && redacted(order.metadata);
    const request: JobRequest = { id: newJobId(), tenant, createdMs: this.lastMs, ...order, metadata };
    await this.store.create(request);
    this.remember(request);
    return { request, progress: null, isCancelled: false };
  }

  /** Throws queue_full. */
  private async makeRoom(tenant: string): Promise<void> {
    const { maxPending, maxTenantPending, maxKept } = this.limits;
    const waiting = (await this.store.pending()).filter(({ isCancelled }) => !isCancelled);
    const numOwn = waiting.filter(({ request }) => request.tenant === tenant).length;
    const isFull = waiting.length >= maxPending || numOwn >= maxTenantPending;
    if (isFull || !(await this.forgetOldest(tenant, maxKept))) throw queueFull(waiting.length);
  }

  /** Leaves room for one within `most` of the tenant's jobs; false when too few have ended for that. */
  private async forgetOldest(tenant: string, most: number): Promise<boolean> {
    for (const { id } of this.ofTenant(tenant)) {
      if (this.ofTenant(tenant).length < most) return true;
      const job = await this.store.read(id);
      // A cancelled job is the trainer's until it has noticed.
      if (job?.progress == null || !isEnding(job.progress.status)) continue;
      this.requests.get(tenant)?.delete(id);
      await this.store.remove(id);
    }
    return this.ofTenant(tenant).length < most;
  }

  private ofTenant(tenant: string): JobRequest[] {
    return [...(this.requests.get(tenant)?.values() ?? [])];
  }

  private remember(request: JobRequest): void {
    const own = this.requests.get(request.tenant) ?? new Map<string, JobRequest>();
    this.requests.set(request.tenant, own.set(request.id, request));
    this.lastMs = Math.max(this.lastMs, request.createdMs);
  }
}

const queueFull = (waiting: number): MillraceError =>
  new MillraceError('queue_full', { waiting, retryAfterMs });

function refuse(message: string, param: string): never {
  throw new MillraceError('invalid_argument', { message }, { param });
}

/** A client's notes are stored like all else that it says. */
function redacted(notes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(notes).map(([name, note]) => [redact(name).text, redact(note).text]),
  );
}
