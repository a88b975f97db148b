/**
 * What is known after all facts were taught: asked with the very questions, and with paraphrases that were never posted;
 * by the weights alone, by the memory alone, by both. And how often memory answers what it has nothing to do with.
 */

import { type Deadline, inParallelUntil } from '../wait.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import type { Figure, Finding } from './measure.ts';
import { shareOf } from './quantile.ts';
import { targets } from './targets.ts';
import { unrelatedByKind } from './unrelated-prompts.ts';

/** Where an answer may come from, and how it is asked for. */
export const sources = {
  weights: { memory: 'off' },
  memory: { memory: 'on', version: 'base' },
  both: { memory: 'on' },
  base: { memory: 'off', version: 'base' },
} as const;

export type Source = keyof typeof sources;

export interface RecallSample {
  readonly question: string;
  readonly wording: 'exact' | 'paraphrase';
  readonly source: Source;
  readonly isRight: boolean;
  readonly text: string;
}

export interface MatchSample {
  readonly kind: string;
  readonly prompt: string;
  readonly isMatched: boolean;
}

const width = 2;

export async function measureRecall(
  endpoint: Endpoint,
  facts: readonly Fact[],
  deadline: Deadline,
  from: readonly Source[] = Object.keys(sources) as Source[],
): Promise<RecallSample[]> {
  const asks = facts.flatMap((fact) =>
    [fact.question, ...fact.paraphrases].flatMap((question) =>
      from.map((source) => ({ fact, question, source })),
    ),
  );
  return inParallelUntil(deadline, asks, width, async ({ fact, question, source }) => {
    const { text } = await chat(endpoint, { text: question, ...sources[source] });
    const wording = question === fact.question ? ('exact' as const) : ('paraphrase' as const);
    return { question, wording, source, isRight: isRight(fact, text), text };
  });
}

/** One token is enough to see whether memory was used. */
export const measureFalseMatches = (endpoint: Endpoint, deadline: Deadline): Promise<MatchSample[]> =>
  inParallelUntil(deadline, unrelatedByKind, width, async ({ kind, prompt }) => {
    const { version } = await chat(endpoint, { text: prompt, maxTokens: 1 });
    return { kind, prompt, isMatched: version.memory !== null };
  });

/** Share of the answers from a source, to questions in a wording, that are right. */
export const rightShare = (
  samples: readonly RecallSample[],
  source: Source,
  wording: RecallSample['wording'],
): number | null =>
  shareOf(
    samples.filter((sample) => sample.source === source && sample.wording === wording),
    (sample) => sample.isRight,
  );

export function recallFinding(samples: readonly RecallSample[], matches: readonly MatchSample[]): Finding {
  const of = (source: Source, wording: RecallSample['wording'], least: number | null): Figure => ({
    name: `right answers, ${wording}, ${named[source]}`,
    value: rightShare(samples, source, wording),
    unit: 'share',
    bound: least === null ? null : { least },
  });
  const kinds = [...new Set(matches.map(({ kind }) => kind))];
  return {
    figures: [
      of('weights', 'exact', targets.exactRecall),
      of('weights', 'paraphrase', targets.paraphraseRecall),
      of('memory', 'exact', null),
      of('memory', 'paraphrase', null),
      of('both', 'exact', targets.exactRecallWithMemory),
      of('both', 'paraphrase', targets.paraphraseRecallWithMemory),
      of('base', 'exact', null),
      of('base', 'paraphrase', null),
      falseMatches('unrelated prompts that memory answered', matches, targets.falseMatches),
      ...kinds.map((kind) =>
        falseMatches(
          `of these, ${kind}`,
          matches.filter((match) => match.kind === kind),
          null,
        ),
      ),
    ],
    drawings: [],
    raw: { samples, matches },
  };
}

const named: Readonly<Record<Source, string>> = {
  weights: 'weights alone',
  memory: 'memory alone',
  both: 'memory and weights',
  base: 'untaught',
};

const falseMatches = (name: string, matches: readonly MatchSample[], most: number | null): Figure => ({
  name,
  value: shareOf(matches, ({ isMatched }) => isMatched),
  unit: 'share',
  bound: most === null ? null : { most },
});
