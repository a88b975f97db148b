/** The model named "null": bytes for tokens, no weights. For measuring the gateway, and for trying clients. */
import { byteOfCharacter } from '../core/tokenizer/byte-level.ts';
import { loadChatTemplate } from '../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../core/tokenizer/load.ts';
import { createPromptEncoder } from './completion/prompt-encoder.ts';
import type { ServedGenerator } from './completion/served-model.ts';
import { createNullEngine } from './models/null-engine.ts';

export const nullModelName = 'null';
const answer = '.';

const template = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}';

export function createNullModel(maxContext: number): ServedGenerator {
  const vocab = Object.fromEntries([...byteOfCharacter].map(([character, byte]) => [character, byte]));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const files = {
    tokenizerJson: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', unk_token: null, vocab, merges: [] },
    },
    tokenizerConfig: { chat_template: template },
  };
  const tokenizer = loadTokenizer(files);
  const [token] = tokenizer.encode(answer, { addSpecialTokens: false, allowSpecial: false });
  return {
    kind: 'generator',
    id: nullModelName,
    createdAt: 0,
    version: nullModelName,
    digest: nullModelName,
    tokenizer,
    encoder: createPromptEncoder(tokenizer, files),
    template: loadChatTemplate(files),
    eosTokenIds: [],
    scorer: null,
    engine: createNullEngine({ maxContext, vocabSize: tokenizer.vocabSize, token: token! }),
  };
}
