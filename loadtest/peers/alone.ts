/** What is promised of Millrace alone: memory under load, and nothing left behind by clients that leave. */
import { measureDisconnects } from '../disconnects.ts';
import { calibrate } from '../load.ts';
import { load } from './measures.ts';
import { startServer } from './server.ts';
import { type Installation, millrace } from './servers.ts';

export interface Alone {
  /** Peak of all processes after 16 clients with 1,024 tokens each, in MB (10^6 bytes). */
  readonly memoryMb: number;
  readonly numLeft: number;
  /** Sequences that the server still held afterwards. */
  readonly numHeld: number;
  /** Tokens per second afterwards over those before. */
  readonly speedRatio: number;
}

const clients = 16;
const contextTokens = 1152;
const numLeaving = 1000;

export async function measureAlone(at: Installation, model: string): Promise<Alone> {
  const options = { 'engine-max-slots': clients, 'engine-max-context': contextTokens };
  const server = await startServer(millrace(at, model, 9, options));
  try {
    const makePrompt = await calibrate(server.target);
    const subject = { server, makePrompt };
    await load(subject, 1, { clients, promptTokens: 960, outputTokens: 64, numRequests: 2 * clients });
    const memoryMb = server.peakMemoryMb();
    const left = await measureDisconnects(server.target, makePrompt, {
      clients: numLeaving,
      concurrency: 32,
    });
    const metrics = await (await fetch(new URL('/metrics', server.target.url))).text();
    const gauge = (name: string): number =>
      Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
    return {
      memoryMb,
      numLeft: left.numLeft,
      numHeld: gauge('millrace_running_sequences') + gauge('millrace_waiting_sequences'),
      speedRatio: left.ratio,
    };
  } finally {
    await server.stop();
  }
}
