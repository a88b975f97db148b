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

/** Learns tokens per word from two probes; `countTokens` asks the server. */
export async function calibratePrompts(
  countTokens: (prompt: string) => Promise<number>,
  random: () => number,
): Promise<MakePrompt> {
  const [few, many] = [40, 140];
  const short = await countTokens(text(few, random));
  const long = await countTokens(text(many, random));
  const perWord = (long - short) / (many - few);
  const overhead = short - few * perWord;
  return (numTokens, next) => text(Math.max(1, Math.round((numTokens - overhead) / perWord)), next);
}
