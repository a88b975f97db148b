/** What was taught, told where nobody asks for it: unrelated prompts, answered by the weights alone and by the base. */
import { type Deadline, inParallelUntil } from '../wait.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import type { Figure } from './measure.ts';
import { shareOf } from './quantile.ts';
import { sources } from './recall.ts';
import { unrelatedByKind } from './unrelated-prompts.ts';

const named = { weights: 'the weights', base: 'the untaught base' } as const;
const asked = ['weights', 'base'] as const;

export interface SpillSample {
  readonly kind: string;
  readonly prompt: string;
  readonly source: keyof typeof named;
  /** The question of the fact that the answer tells; null where it tells none. */
  readonly told: string | null;
  readonly text: string;
}

const width = 4;
const maxTokens = 24;

export function measureSpill(
  endpoint: Endpoint,
  facts: readonly Fact[],
  deadline: Deadline,
): Promise<SpillSample[]> {
  const asks = unrelatedByKind.flatMap((each) => asked.map((source) => ({ ...each, source })));
  return inParallelUntil(deadline, asks, width, async (ask) => {
    const { text } = await chat(endpoint, { text: ask.prompt, maxTokens, ...sources[ask.source] });
    return { ...ask, text, told: facts.find((fact) => isRight(fact, text))?.question ?? null };
  });
}

/** The base tells some by chance, where an answer is a common word. */
export const spillFigures = (samples: readonly SpillSample[]): Figure[] =>
  asked.map((source) => ({
    name: `unrelated prompts that ${named[source]} answered with what was taught`,
    value: shareOf(
      samples.filter((sample) => sample.source === source),
      ({ told }) => told !== null,
    ),
    unit: 'share',
    bound: null,
  }));
