/**
 * Streams and whole answers in an open loop: each is sent when its time has come, whatever became of those before. Some of
 * the answers are corrected a moment later. Nothing is asked twice: what fails has failed.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng, type Rng } from '../../core/rng.ts';
import { openLoop, poissonTimes } from '../../loadtest/arrivals.ts';
import { endingOf } from '../chaos/ending.ts';
import { type Ask, exchange } from '../chaos/exchange.ts';
import type { Noted } from '../chaos/traffic.ts';
import { modelName } from '../e2e/tiny-model.ts';
import type { Balancer } from './balancer.ts';

export interface OpenLoadOptions {
  readonly balancer: Balancer;
  readonly perSecond: number;
  readonly seed: number;
  /** Of answers, those that are corrected. */
  readonly correctedShare: number;
}

/** Tokens of answers: long enough that some are under way at every moment. */
const [least, most] = [16, 500];
const deadlineMs = 15_000;
const maxSeconds = 600;
/** Whoever corrects an answer has read it. */
const readingMs = 300;
const prompts = ['The mill ', 'Water runs ', 'Who grinds? ', 'A race of '] as const;

export class OpenLoad {
  /** In the order of their ends. `gateway` is the replica's name where it is known, else empty. */
  readonly noted: Noted[] = [];
  /** Ids of rows that were acknowledged. */
  readonly rows: string[] = [];
  private readonly options: OpenLoadOptions;
  private readonly rng: Rng;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly over = new AbortController();
  private readonly correcting: Promise<void>[] = [];
  private running: Promise<void> = Promise.resolve();

  constructor(options: OpenLoadOptions) {
    this.options = options;
    this.rng = createRng(options.seed);
  }

  start(): void {
    const { perSecond } = this.options;
    const numRequests = Math.ceil(perSecond * maxSeconds);
    const times = poissonTimes(numRequests, { perSecond, random: () => this.rng.next() });
    const load = { numRequests, maxMs: maxSeconds * 1_000, signal: this.over.signal };
    this.running = openLoop({ ...load, send: (index) => this.complete(index % 2 === 0) }, times);
  }

  /** Resolves when the last request has ended. */
  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
    await Promise.all(this.correcting);
    this.agent.destroy();
  }

  private async complete(stream: boolean): Promise<void> {
    const prompt = prompts[Math.floor(this.rng.next() * prompts.length)]!;
    const body = {
      ...{ model: modelName, prompt, max_tokens: least + Math.floor(this.rng.next() * (most - least)) },
      ...{ temperature: 0, ignore_eos: true, stream },
    };
    const isCorrected = this.rng.next() < this.options.correctedShare;
    const ask: Ask = { method: 'POST', path: '/v1/completions', body, deadlineMs };
    const { ending } = await this.send(`${stream ? 'stream' : 'whole'} ${prompt}`, ask);
    if (ending.kind === 'answer' && isCorrected) this.correcting.push(this.correct(ending.id));
  }

  private async correct(responseId: string): Promise<void> {
    await sleep(readingMs);
    const body = { response_id: responseId, kind: 'correction', text: 'It grinds.' };
    const { ending } = await this.send('feedback', {
      method: 'POST',
      path: '/v1/feedback',
      body,
      deadlineMs,
    });
    if (ending.kind === 'answer') this.rows.push(ending.id);
  }

  private async send(what: string, ask: Ask): Promise<Noted> {
    const { url, replica } = this.options.balancer.next();
    const heard = await exchange(url, ask, this.agent);
    const noted: Noted = { what, gateway: replica ?? '', heard, ending: endingOf(heard) };
    this.noted.push(noted);
    return noted;
  }
}
