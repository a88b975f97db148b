/** What is measured of one server, each as one figure from one short load. */
import { measureInterference } from '../interference.ts';
import { runLoad } from '../load.ts';
import type { MakePrompt } from '../prompts.ts';
import { type Summary, summarize } from '../summary.ts';
import type { RunningServer } from './server.ts';

export interface Subject {
  readonly server: RunningServer;
  readonly makePrompt: MakePrompt;
}

export interface Measure {
  readonly name: string;
  readonly unit: 'tokens/s' | 'ms' | 'ratio';
  readonly higherIsBetter: boolean;
  readonly run: (subject: Subject, seed: number) => Promise<number>;
}

interface Load {
  readonly clients: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly numRequests: number;
}

const maxLoadMs = 120_000;
const targets = { ttftMs: 1000, tpotMs: 50 };

/** A closed loop. Throws when any request fails: a figure over failed requests means nothing. */
export async function load(subject: Subject, seed: number, options: Load): Promise<Summary> {
  const { clients, promptTokens, outputTokens, numRequests } = options;
  const outcomes = await runLoad(
    subject.server.target,
    {
      promptTokens,
      outputTokens,
      numRequests,
      arrivals: { kind: 'closed', clients },
      maxMs: maxLoadMs,
      seed,
    },
    subject.makePrompt,
  );
  const summary = summarize(outcomes, targets);
  if (summary.numFailed > 0) throw new Error(`${subject.server.name}: ${summary.errors.join('; ')}`);
  return summary;
}

/** Tokens per second of answers: 128 tokens in, 64 out. */
export function throughput(clients: number): Measure {
  const numRequests = clients === 1 ? 5 : clients * 3;
  return {
    name: `${clients} ${clients === 1 ? 'client' : 'clients'}, 128 in / 64 out`,
    unit: 'tokens/s',
    higherIsBetter: true,
    async run(subject, seed) {
      const options = { clients, promptTokens: 128, outputTokens: 64, numRequests };
      return (await load(subject, seed, options)).outputTokensPerSecond;
    },
  };
}

/** Prompt tokens per second up to the first token of a lone request. */
export function prefill(promptTokens: number): Measure {
  return {
    name: `prefill of ${promptTokens} tokens`,
    unit: 'tokens/s',
    higherIsBetter: true,
    async run(subject, seed) {
      const summary = await load(subject, seed, {
        clients: 1,
        promptTokens,
        outputTokens: 1,
        numRequests: 5,
      });
      return (summary.meanPromptTokens * 1000) / summary.ttft.p50Ms;
    },
  };
}

/** p99 between tokens of 8 streams while a 2,000-token prompt is computed, over their undisturbed p99. */
export const interference: Measure = {
  name: 'inter-token p99 of 8 streams while a 2,000-token prompt arrives, over undisturbed',
  unit: 'ratio',
  higherIsBetter: false,
  async run({ server, makePrompt }, seed) {
    const options = { streams: 8, promptTokens: 2000, repeats: 2, seed };
    return (await measureInterference(server.target, makePrompt, options)).p99Ratio;
  },
};
