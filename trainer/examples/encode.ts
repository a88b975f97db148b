/** Examples to tokens, as serving makes them: the same template, the same care for special tokens. */
import type { Context } from '../../core/feedback/record.ts';
import type { ChatTemplate, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { Text } from '../train/lesson.ts';

export interface TextEncoder {
  /** The conversation with this answer, of which the answer and the end of the turn are scored. */
  encode(context: Context, answer: string): Text;
  /** The conversation with the beginning of an answer, to be continued. */
  begin(context: Context, beginning: string): number[];
  /** The question alone: a conversation where the model has chats, else a text. */
  asking(question: string): Context;
}

export interface EncoderParts {
  readonly tokenizer: Tokenizer;
  /** Null: the model has no chats. */
  readonly template: ChatTemplate | null;
  /** Ends an answer. */
  readonly endToken: number | null;
}

/** Encoding throws template_invalid, and an Error for a chat with a model that has none. */
export function createTextEncoder({ tokenizer, template, endToken }: EncoderParts): TextEncoder {
  const plain = { addSpecialTokens: false, allowSpecial: false };
  const promptOf = (context: Context): number[] => {
    if (context.kind === 'text') {
      return tokenizer.encode(context.prompt, { addSpecialTokens: true, allowSpecial: false });
    }
    if (template === null) throw new Error('the model has no chat template');
    const messages = context.messages.map((message) => ({
      ...message,
      content: tokenizer.withoutSpecials(message.content),
    }));
    const text = template.render(messages, { addGenerationPrompt: true });
    return tokenizer.encode(text, { addSpecialTokens: false, allowSpecial: true });
  };
  return {
    encode(context, answer) {
      const prompt = promptOf(context);
      const said = tokenizer.encode(answer, plain);
      const end = endToken === null ? [] : [endToken];
      return { tokens: [...prompt, ...said, ...end], from: prompt.length };
    },
    begin: (context, beginning) => [...promptOf(context), ...tokenizer.encode(beginning, plain)],
    asking: (question) =>
      template === null
        ? { kind: 'text', prompt: `${question}\n` }
        : { kind: 'chat', messages: [{ role: 'user', content: question }] },
  };
}
