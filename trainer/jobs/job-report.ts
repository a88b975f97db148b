/**
 * What the trainer says of a job: how far it is, and its log. The only writer of both. A run that repeats steps after it
 * was killed does not tell them twice.
 */
import { rm } from 'node:fs/promises';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { newEventId } from '../../core/jobs/ids.ts';
import { type Ending, type JobEvent, type JobProgress, newProgress } from '../../core/jobs/job.ts';
import type { JobStore } from '../../core/jobs/job-store.ts';
import type { StepReport } from '../train/train-run.ts';

const limits = { segmentBytes: 2 ** 20, totalBytes: 4 * 2 ** 20, maxPending: 64 };

const lastWords: Readonly<Record<Ending, string>> = {
  succeeded: 'The job has successfully completed',
  failed: 'The job failed',
  cancelled: 'The job was cancelled',
};

export class JobReport {
  private readonly store: JobStore;
  private readonly id: string;
  private readonly log: LogWriter;
  private readonly now: () => Date;
  private current: JobProgress;
  private last: { readonly step: number; readonly loss: number } | null;

  private constructor(
    parts: { store: JobStore; id: string; log: LogWriter; now: () => Date },
    progress: JobProgress,
    last: { step: number; loss: number } | null,
  ) {
    this.store = parts.store;
    this.id = parts.id;
    this.log = parts.log;
    this.now = parts.now;
    this.current = progress;
    this.last = last;
  }

  static async open(store: JobStore, id: string, now: () => Date): Promise<JobReport> {
    const job = await store.read(id);
    if (job === null) throw new Error(`there is no job ${id}`);
    const log = await LogWriter.open(store.eventsPath(id), limits);
    const last = lastStep(await store.events(id));
    return new JobReport({ store, id, log, now }, job.progress ?? newProgress, last);
  }

  get progress(): JobProgress {
    return this.current;
  }

  /** Loss of the last step that was told. */
  get lastLoss(): number | null {
    return this.last?.loss ?? null;
  }

  async update(changes: Partial<JobProgress>): Promise<void> {
    this.current = { ...this.current, ...changes };
    await this.store.write(this.id, this.current);
  }

  async say(message: string, level: JobEvent['level'] = 'info'): Promise<void> {
    await this.append({ level, type: 'message', message, data: null });
  }

  async step({ step, loss, learningRate, gradientNorm }: StepReport, numSteps: number): Promise<void> {
    if (step <= (this.last?.step ?? 0)) return;
    const message = `Step ${step}/${numSteps}: training loss=${loss.toFixed(4)}`;
    const data = {
      step,
      total_steps: numSteps,
      train_loss: loss,
      learning_rate: learningRate,
      gradient_norm: gradientNorm,
    };
    await this.append({ level: 'info', type: 'metrics', message, data });
    this.last = { step, loss };
  }

  async validation(loss: number): Promise<void> {
    const message = `Full validation loss=${loss.toFixed(4)}`;
    await this.append({ level: 'info', type: 'metrics', message, data: { full_valid_loss: loss } });
  }

  /** The last word comes into the log first, so that whoever sees that the job has ended finds it there. */
  async end(ending: Ending, changes: Partial<JobProgress> = {}): Promise<void> {
    const reason = changes.error == null ? '' : `: ${changes.error.message}`;
    await this.say(`${lastWords[ending]}${reason}`, ending === 'failed' ? 'error' : 'info');
    const endedMs = this.now().getTime();
    await this.update({ ...changes, status: ending, endedMs, estimatedEndMs: null });
    const state = this.store.statePath(this.id);
    for (const path of [state, `${state}.writing`]) await rm(path, { force: true });
  }

  close(): Promise<void> {
    return this.log.close();
  }

  private async append(event: Omit<JobEvent, 'id' | 'atMs'>): Promise<void> {
    await this.log.append({ id: newEventId(), atMs: this.now().getTime(), ...event });
  }
}

function lastStep(events: readonly JobEvent[]): { step: number; loss: number } | null {
  const data = events.findLast((event) => typeof event.data?.step === 'number')?.data;
  return data == null ? null : { step: Number(data.step), loss: Number(data.train_loss) };
}
