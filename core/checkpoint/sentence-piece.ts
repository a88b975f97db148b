/**
 * SentencePiece's BPE (Llama 2, TinyLlama, Mistral) in the shape of tokenizer.json. Its model has scores where
 * tokenizer.json has merges: any two neighbours may become one piece that is known, the best score first.
 */

export interface ScoredVocabulary {
  readonly tokens: readonly string[];
  /** Log probabilities, or minus the rank. */
  readonly scores: readonly number[];
  readonly unknown: unknown;
  /** Whether a text is begun with a space, so that its first word looks like any other. */
  readonly addsSpace: boolean;
}

const space = '\u2581';
const maxPieceCharacters = 256;

export function sentencePiece({ tokens, scores, unknown, addsSpace }: ScoredVocabulary) {
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: space };
  const strip = addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [...(addsSpace ? [{ type: 'Prepend', prepend: space }] : []), replace],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: space }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: mergesOf(tokens, scores),
    },
  };
}

interface Merge {
  readonly pair: readonly [string, string];
  readonly score: number;
  readonly lengths: readonly [number, number];
}

/** Every split of every piece into two pieces; by score, then the longer left and right part first. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: Merge[] = [];
  for (const [id, token] of tokens.entries()) {
    const characters = [...token];
    if (characters.length > maxPieceCharacters) continue;
    const splits: Merge[] = [];
    for (let at = 1; at < characters.length; at++) {
      const pair = [characters.slice(0, at).join(''), characters.slice(at).join('')] as const;
      if (!ids.has(pair[0]) || !ids.has(pair[1])) continue;
      splits.push({ pair, score: scores[id]!, lengths: [at, characters.length - at] });
    }
    const byIds = (a: Merge, b: Merge): number =>
      ids.get(a.pair[0])! - ids.get(b.pair[0])! || ids.get(a.pair[1])! - ids.get(b.pair[1])!;
    merges.push(...splits.sort(byIds));
  }
  const byScore = (a: Merge, b: Merge): number =>
    b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1];
  return merges.sort(byScore).map(({ pair }) => [...pair]);
}
