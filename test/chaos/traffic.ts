/** Clients that ask without end: streams, whole answers, vectors, and some that leave. Each request is noted with its ending. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng, type Rng } from '../../core/rng.ts';
import { modelName } from '../e2e/tiny-model.ts';
import { type Ending, endingOf } from './ending.ts';
import { type Ask, exchange, type Heard } from './exchange.ts';
import { tenants } from './tenants.ts';

export interface Noted {
  readonly what: string;
  readonly gateway: string;
  readonly heard: Pick<Heard, 'startMs' | 'endMs' | 'status' | 'isReused'>;
  readonly ending: Ending;
}

/** Longer than anything that is done to a cluster, shorter than anybody's patience. */
export const deadlineMs = 15_000;
const pauseMs = 20;
const prompts = ['The mill ', 'Water runs ', 'Who grinds? ', 'A race of '] as const;

const stream = (prompt: string, rng: Rng): Ask => ({
  method: 'POST',
  path: '/v1/completions',
  body: {
    ...{ model: modelName, prompt, max_tokens: 8 + Math.floor(rng.next() * 40) },
    ...{ temperature: 0, ignore_eos: true, stream: true },
  },
  deadlineMs,
});

type Draw = (rng: Rng) => { readonly what: string; readonly ask: Ask };

const pick = (rng: Rng): string => prompts[Math.floor(rng.next() * prompts.length)]!;

const draws: Readonly<Record<string, Draw>> = {
  stream(rng) {
    const prompt = pick(rng);
    return { what: `stream ${prompt}`, ask: stream(prompt, rng) };
  },
  whole(rng) {
    const prompt = pick(rng);
    const { body, ...ask } = stream(prompt, rng);
    return { what: `whole ${prompt}`, ask: { ...ask, body: { ...body, stream: false } } };
  },
  leaver(rng) {
    return { what: 'leaver', ask: { ...stream(pick(rng), rng), leaveAfterBytes: 1 + rng.next() * 2_000 } };
  },
};

/** Where requests go. */
export interface Address {
  readonly name: string;
  readonly url: string;
}

export interface TrafficOptions {
  readonly seed: number;
  readonly gateways: readonly Address[];
  readonly encoder: string;
  /** Hears of each request when it has ended. */
  readonly note: (noted: Noted) => void;
  readonly clients: Readonly<Record<'stream' | 'whole' | 'leaver' | 'vector', number>>;
}

export class Traffic {
  private readonly options: TrafficOptions;
  private readonly agent = new Agent({ keepAlive: true });
  private isOver = false;
  private running: Promise<unknown> = Promise.resolve();

  constructor(options: TrafficOptions) {
    this.options = options;
  }

  start(): void {
    const { clients, seed, encoder } = this.options;
    const vector: Draw = () => ({
      what: 'vector',
      ask: {
        method: 'POST',
        path: '/v1/embeddings',
        body: { model: encoder, input: ['the mill wheel', 'water'] },
        deadlineMs,
      },
    });
    const kinds = Object.entries({ ...draws, vector });
    const loops = kinds.flatMap(([kind, draw], place) =>
      Array.from({ length: clients[kind as keyof typeof clients] }, (_, index) =>
        this.loop(draw, createRng(seed * 1_000 + place * 100 + index)),
      ),
    );
    this.running = Promise.all(loops);
  }

  /** Resolves when the last request has ended. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
    this.agent.destroy();
  }

  private async loop(draw: Draw, rng: Rng): Promise<void> {
    const { gateways, note } = this.options;
    while (!this.isOver) {
      const gateway = gateways[Math.floor(rng.next() * gateways.length)]!;
      const { what, ask } = draw(rng);
      const { headers } = tenants[Math.floor(rng.next() * tenants.length)]!;
      const heard = await exchange(gateway.url, { ...ask, headers }, this.agent);
      note({ what, gateway: gateway.name, heard, ending: endingOf(heard) });
      await sleep(pauseMs * (0.5 + rng.next()));
    }
  }
}
