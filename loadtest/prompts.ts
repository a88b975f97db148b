/**
 * Prompts of a wanted token length for a server whose tokenizer is unknown: random common words, calibrated by the
 * number of prompt tokens the server itself reports. No two share a beginning, so that no prefix cache helps.
 */
const words =
  'river stone lantern market window copper garden engine paper forest bridge candle harbor silver mountain thread winter compass kettle orchard signal velvet basket carpet desert island ladder mirror needle pocket'.split(
    ' ',
  );

export type MakePrompt = (numTokens: number, random: () => number) => string;

function text(numWords: number, random: () => number): string {
  return Array.from({ length: numWords }, () => words[Math.floor(random() * words.length)]).join(' ');
}

/** Words of two probes; the smaller ones are for contexts that do not hold the others. */
const probes = [
  [40, 140],
  [6, 15],
] as const;

/**
 * Learns tokens per word from two probes; `countTokens` asks the server, and says null of a prompt that it does not take.
 * Throws when none is taken.
 */
export async function calibratePrompts(
  countTokens: (prompt: string) => Promise<number | null>,
  random: () => number,
): Promise<MakePrompt> {
  for (const [few, many] of probes) {
    const short = await countTokens(text(few, random));
    const long = short === null ? null : await countTokens(text(many, random));
    if (short !== null && long !== null) return promptsOf({ few, many, short, long });
  }
  throw new Error(`The server takes no prompt of ${probes.at(-1)![1]} words.`);
}

interface Probed {
  readonly few: number;
  readonly many: number;
  /** Tokens of so many words. */
  readonly short: number;
  readonly long: number;
}

function promptsOf({ few, many, short, long }: Probed): MakePrompt {
  const perWord = (long - short) / (many - few);
  const overhead = short - few * perWord;
  return (numTokens, next) => text(Math.max(1, Math.round((numTokens - overhead) / perWord)), next);
}
