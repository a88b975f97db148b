/** What was taught, told where nobody asks for it: unrelated prompts, answered by the weights alone and by the base. */
import { type Deadline, inParallel } from '../wait.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import type { Figure } from './measure.ts';
import { shareOf } from './quantile.ts';
import { unrelatedPrompts } from './unrelated-prompts.ts';

const sources = {
  weights: { memory: 'off' },
  base: { memory: 'off', version: 'base' },
} as const;

export interface SpillSample {
  readonly kind: string;
  readonly prompt: string;
  readonly source: keyof typeof sources;
  /** The question of the fact that the answer tells; null where it tells none. */
  readonly told: string | null;
  readonly text: string;
}

const width = 4;
const maxTokens = 24;

export async function measureSpill(
  endpoint: Endpoint,
  facts: readonly Fact[],
  deadline: Deadline,
): Promise<SpillSample[]> {
  const asks = Object.entries(unrelatedPrompts).flatMap(([kind, prompts]) =>
    prompts.flatMap((prompt) => (['weights', 'base'] as const).map((source) => ({ kind, prompt, source }))),
  );
  const samples = await inParallel(asks, width, async (ask) => {
    if (deadline.isOver) return null;
    const { text } = await chat(endpoint, { text: ask.prompt, maxTokens, ...sources[ask.source] });
    return { ...ask, text, told: facts.find((fact) => isRight(fact, text))?.question ?? null };
  });
  return samples.filter((sample) => sample !== null);
}

/** The base tells some by chance, where an answer is a common word. */
export const spillFigures = (samples: readonly SpillSample[]): Figure[] =>
  (['weights', 'base'] as const).map((source) => ({
    name: `unrelated prompts that ${named[source]} answered with what was taught`,
    value: shareOf(
      samples.filter((sample) => sample.source === source),
      ({ told }) => told !== null,
    ),
    unit: 'share',
    bound: null,
  }));

const named = { weights: 'the weights', base: 'the untaught base' } as const;
