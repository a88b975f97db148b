/** A decoder of two layers with random weights that reads characters: the printable ones up to "|". */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from './root.ts';

const characters = Object.fromEntries(
  Array.from({ length: 93 }, (_, index) => [String.fromCharCode(32 + index), index + 3]),
);
const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

export const tinyTokenizer = {
  version: '1.0',
  added_tokens: [{ id: 2, content: '</s>', ...special }],
  normalizer: { type: 'Replace', pattern: { Regex: '[^ -|]' }, content: '?' },
  pre_tokenizer: { type: 'Split', pattern: { Regex: '[\\s\\S]' }, behavior: 'Isolated', invert: false },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: { '<unk>': 0, '<s>': 1, '</s>': 2, ...characters } },
};

export const tinyTokenizerConfig = {
  chat_template: '{% for m in messages %}{{ m.role[0] }}:{{ m.content }}|{% endfor %}a:',
};

/** The fixture's weights behind this tokenizer; positions are computed, so that it may have as many as are wanted. */
export function writeTinyCheckpoint(path: string, maxContext = 128): void {
  cpSync(fixturePath('decoders/smollm2'), path, { recursive: true });
  const config = join(path, 'config.json');
  const described = JSON.parse(readFileSync(config, 'utf8')) as object;
  writeFileSync(config, JSON.stringify({ ...described, max_position_embeddings: maxContext }));
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(tinyTokenizer));
  writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify(tinyTokenizerConfig));
}
