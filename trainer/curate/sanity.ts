/** Whether a text can be something that a model should say: rules of thumb, each with its reason. */

export interface SanityLimits {
  /** Characters of an answer. */
  readonly maxAnswer: number;
  /** Characters of what leads to it. */
  readonly maxContext: number;
}

/** Of texts with this many characters or more, the share of letters, digits, spaces and usual signs. */
const minReadable = 0.6;
const readable = /[\p{L}\p{M}\p{N}\p{P}\p{Zs}\n\t\r$+<=>^`|~]/gu;
/** Words in a row that are one and the same. */
const maxRepeats = 8;
/** Share of a long text that its most frequent line may take (Rae et al., "Gopher", 2021, have 0.3 for duplicates). */
const maxLineShare = 0.5;
const longLines = 8;

/** Why the answer is refused; null when it is not. */
export function insanity(answer: string, context: string, limits: SanityLimits): string | null {
  if (answer.trim() === '') return 'the answer is empty';
  if (answer.length > limits.maxAnswer) return `the answer has more than ${limits.maxAnswer} characters`;
  if (context.length > limits.maxContext)
    return `the conversation has more than ${limits.maxContext} characters`;
  if (/[\p{Cc}\p{Cn}\p{Co}\ufffd]/u.test(answer.replace(/[\n\t\r]/g, '')))
    return 'the answer holds control characters';
  const share = (answer.match(readable)?.length ?? 0) / [...answer].length;
  if (share < minReadable) return 'the answer is hardly text';
  if (repeats(answer)) return 'the answer repeats itself';
  return null;
}

function repeats(text: string): boolean {
  let run = 1;
  const words = text.toLowerCase().split(/\s+/);
  for (let i = 1; i < words.length; i++) {
    run = words[i] !== '' && words[i] === words[i - 1] ? run + 1 : 1;
    if (run > maxRepeats) return true;
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length < longLines) return false;
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return Math.max(...counts.values()) > lines.length * maxLineShare;
}
