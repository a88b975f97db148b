/**
 * Clients that correct answers, each under a key of its own, and repeat themselves until they know: what was acknowledged,
 * under which id, and what was refused for good.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng, type Rng } from '../../core/rng.ts';
import { modelName } from '../e2e/tiny-model.ts';
import { type Ending, endingOf } from './ending.ts';
import { exchange } from './exchange.ts';
import { type Tenant, tenants } from './tenants.ts';
import { type Address, deadlineMs, type Noted } from './traffic.ts';

export interface Lesson {
  /** Of the answer that it corrects, which is corrected once. */
  readonly responseId: string;
  readonly tenant: Tenant;
  /** Each id that was acknowledged; more than one is a fault. */
  readonly ids: Set<string>;
  /** What it was refused with, where nothing was acknowledged. */
  refusal: string | null;
}

export interface TeachingOptions {
  readonly seed: number;
  readonly gateways: readonly Address[];
  readonly clients: number;
  /** Of one client, between two corrections. */
  readonly pauseMs: readonly [least: number, most: number];
  /** Hears of each request when it has ended. */
  readonly note: (noted: Noted) => void;
}

const maxTries = 60;
/** Whoever corrects an answer has read it; by then all servers know of it. */
const readingMs = 300;
const againMs = 250;
/** Of corrections that were acknowledged, those that are sent once more. */
const repeatedShare = 0.3;
const syllables = [
  'ba',
  'do',
  'fe',
  'gi',
  'ku',
  'la',
  'mo',
  'ne',
  'pi',
  'ru',
  'sa',
  'to',
  've',
  'wi',
] as const;

/** Words that no rule takes for a secret or a number. */
function wordOf(rng: Rng): string {
  const word = Array.from({ length: 4 }, () => syllables[Math.floor(rng.next() * syllables.length)]!).join(
    '',
  );
  return word[0]!.toUpperCase() + word.slice(1);
}

export class Teaching {
  readonly lessons: Lesson[] = [];
  private readonly options: TeachingOptions;
  private readonly agent = new Agent({ keepAlive: true });
  private isOver = false;
  private running: Promise<unknown> = Promise.resolve();

  constructor(options: TeachingOptions) {
    this.options = options;
  }

  start(): void {
    const { clients, seed } = this.options;
    const loops = Array.from({ length: clients }, (_, index) => this.loop(createRng(seed * 7_919 + index)));
    this.running = Promise.all(loops);
  }

  /** Resolves when each correction is known to be kept or refused. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
    this.agent.destroy();
  }

  /** One question and its correction. Null where there was no answer to correct. */
  async teach(rng: Rng): Promise<Lesson | null> {
    const tenant = tenants[Math.floor(rng.next() * tenants.length)]!;
    const messages = [{ role: 'user', content: `Who runs the mill of ${wordOf(rng)}?` }];
    const body = { model: modelName, messages, max_tokens: 8, temperature: 0 };
    const answer = await this.ask(rng, tenant, { path: '/v1/chat/completions', body });
    if (answer.kind !== 'answer') return null;
    await sleep(readingMs);
    // Close to what the model would have said: a gate lets little pass that such a small one learns.
    const text = `${answer.text.slice(0, 3)}.`;
    const lesson: Lesson = { responseId: answer.id, tenant, ids: new Set(), refusal: null };
    this.lessons.push(lesson);
    await this.insist(rng, lesson, text);
    if (lesson.ids.size > 0 && rng.next() < repeatedShare) await this.insist(rng, lesson, text);
    return lesson;
  }

  /** As a client with an outbox does: the same request, until there is an answer that counts. */
  private async insist(rng: Rng, lesson: Lesson, text: string): Promise<void> {
    const { responseId, tenant } = lesson;
    const body = { response_id: responseId, kind: 'correction', text };
    for (let tries = 0; tries < maxTries; tries++) {
      const ending = await this.ask(rng, tenant, { path: '/v1/feedback', body, key: responseId });
      if (ending.kind === 'answer') return void lesson.ids.add(ending.id);
      if (ending.kind === 'refused' && ending.status < 500 && ending.status !== 429) {
        lesson.refusal = ending.code;
        return;
      }
      await sleep(againMs);
    }
    lesson.refusal = 'no answer that counts';
  }

  private async ask(
    rng: Rng,
    tenant: Tenant,
    { path, body, key }: { readonly path: string; readonly body: object; readonly key?: string },
  ): Promise<Ending> {
    const { gateways, note } = this.options;
    const gateway = gateways[Math.floor(rng.next() * gateways.length)]!;
    const headers = { ...tenant.headers, ...(key === undefined ? {} : { 'idempotency-key': key }) };
    const heard = await exchange(
      gateway.url,
      { method: 'POST', path, body, headers, deadlineMs },
      this.agent,
    );
    const ending = endingOf(heard);
    note({ what: path, gateway: gateway.name, heard, ending });
    return ending;
  }

  private async loop(rng: Rng): Promise<void> {
    while (!this.isOver) {
      await this.teach(rng);
      const [least, most] = this.options.pauseMs;
      await sleep(least + rng.next() * (most - least));
    }
  }
}
