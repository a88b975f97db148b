/**
 * The text that each version gives to each prompt when nothing else runs, and those that it gives beside other requests:
 * numbers are summed in another order in a larger batch, and where two tokens are equally likely that can decide.
 */

import { inParallel } from '../wait.ts';
import type { StreamedChat } from './chat-load.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { adapterOf } from './fingerprint.ts';

export interface Golden {
  readonly alone: string;
  readonly beside: ReadonlySet<string>;
}

/** Version, then prompt. */
export type Goldens = ReadonlyMap<string, ReadonlyMap<string, Golden>>;

export interface Judged {
  /** That named a version whose texts are known. */
  readonly numJudged: number;
  /** That named more than one version. */
  readonly numMixed: number;
  readonly numUnlikeAlone: number;
  /** Neither the text given alone nor one of those given beside others. */
  readonly numUnknown: number;
  /** The first few of those unlike alone, with what was expected. */
  readonly examples: readonly { readonly prompt: string; readonly text: string; readonly alone: string }[];
}

const [numBeside, width, numExamples] = [3, 4, 5];

export async function goldensOf(
  endpoint: Endpoint,
  versions: readonly string[],
  ask: { readonly prompts: readonly string[]; readonly maxTokens: number },
): Promise<Goldens> {
  const { prompts, maxTokens } = ask;
  const goldens = new Map<string, Map<string, Golden>>();
  for (const version of versions) {
    const textsOf = (inParallelTo: number): Promise<string[]> =>
      inParallel(prompts, inParallelTo, async (text) => {
        const answer = await chat(endpoint, { text, maxTokens, memory: 'off', version });
        return answer.text;
      });
    const alone = await textsOf(1);
    const passes: string[][] = [];
    for (let pass = 0; pass < numBeside; pass++) passes.push(await textsOf(width));
    const goldenAt = (index: number): Golden => ({
      alone: alone[index]!,
      beside: new Set(passes.map((texts) => texts[index]!)),
    });
    goldens.set(version, new Map(prompts.map((prompt, index) => [prompt, goldenAt(index)])));
  }
  return goldens;
}

/** A mixture names two versions, or has a text that its one version does not give. */
export function judge(chats: readonly StreamedChat[], goldens: Goldens): Judged {
  const good = chats.filter(({ ok }) => ok);
  // A version without goldens may have been served before the first swap.
  const known = good.flatMap((each) => {
    const golden = goldens.get(adapterOf(each.fingerprints[0]) ?? '')?.get(each.prompt);
    return golden === undefined ? [] : { prompt: each.prompt, text: each.text, golden };
  });
  const unlike = known.filter(({ text, golden }) => text !== golden.alone);
  return {
    numJudged: known.length,
    numMixed: good.filter(({ fingerprints }) => fingerprints.length !== 1).length,
    numUnlikeAlone: unlike.length,
    numUnknown: unlike.filter(({ text, golden }) => !golden.beside.has(text)).length,
    examples: unlike
      .slice(0, numExamples)
      .map(({ prompt, text, golden }) => ({ prompt, text, alone: golden.alone })),
  };
}

/** Whether its answer says which version gave it. */
export const isTelling = (prompt: string, goldens: Goldens): boolean =>
  new Set([...goldens.values()].map((texts) => texts.get(prompt)?.alone)).size > 1;
