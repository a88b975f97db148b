/** Answers in OpenAI's shapes. A formatter knows one request: its constant parts are written once. */
import type { TokenLogprob } from '../../batching/request.ts';
import type { CompletionRequest, Delta, Usage } from '../../completion/completion.ts';

export interface Formatter {
  /** The response's id. */
  readonly id: string;
  /** Stream chunks (JSON) that open each choice. */
  opening(): readonly string[];
  chunk(delta: Delta): string;
  usageChunk(usage: Usage): string;
  /** The whole answer. */
  answer(choices: readonly Gathered[], usage: Usage): object;
}

/** A choice put together from its deltas. */
export interface Gathered {
  text: string;
  readonly logprobs: TokenLogprob[];
  finish: 'stop' | 'length' | null;
  /** With echo. */
  promptLogprobs: readonly (TokenLogprob | null)[] | null;
}

export function usageOf(usage: Usage) {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
}

const idOf = ({ id }: CompletionRequest, prefix: string): string => `${prefix}-${id}`;

/** The part of every object that names request, time, model and version. */
const headOf = (request: CompletionRequest, object: string, prefix: string, createdAt: number) => ({
  id: idOf(request, prefix),
  object,
  created: createdAt,
  model: request.name,
  system_fingerprint: request.version,
});

/** JSON of an object that more fields are to follow in. */
const opened = (fields: object): string => JSON.stringify(fields).slice(0, -1);

export function chatFormatter(
  request: CompletionRequest,
  createdAt: number,
  options: { usage: boolean },
): Formatter {
  const { tokenizer } = request.model;
  const start = opened(headOf(request, 'chat.completion.chunk', 'chatcmpl', createdAt));
  const tail = options.usage ? ',"usage":null}' : '}';
  const wantsLogprobs = request.sampling.logprobs !== null;
  const logprobsOf = (logprobs: readonly TokenLogprob[]) => {
    if (!wantsLogprobs) return null;
    const entry = (token: number, logprob: number) => {
      const text = tokenizer.decode([token], { skipSpecialTokens: false });
      return { token: text, logprob, bytes: [...new TextEncoder().encode(text)] };
    };
    const content = logprobs.map(({ token, logprob, top }) => ({
      ...entry(token, logprob),
      bytes: [...tokenizer.tokenBytes(token)],
      top_logprobs: top.map(([other, value]) => ({
        ...entry(other, value),
        bytes: [...tokenizer.tokenBytes(other)],
      })),
    }));
    return { content, refusal: null };
  };
  const piece = (index: number, delta: string, logprobs: string, finish: string | null): string =>
    `${start},"choices":[{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${
      finish === null ? 'null' : `"${finish}"`
    }}]${tail}`;
  return {
    id: idOf(request, 'chatcmpl'),
    opening: () =>
      Array.from({ length: request.numChoices }, (_, index) =>
        piece(index, '{"role":"assistant","content":"","refusal":null}', 'null', null),
      ),
    chunk({ choice, text, logprobs, finish }) {
      const content = text === '' && logprobs.length === 0 ? '{}' : `{"content":${JSON.stringify(text)}}`;
      return piece(
        choice,
        content,
        logprobs.length === 0 ? 'null' : JSON.stringify(logprobsOf(logprobs)),
        finish,
      );
    },
    usageChunk: (usage) => `${start},"choices":[],"usage":${JSON.stringify(usageOf(usage))}}`,
    answer: (choices, usage) =>
      Object.assign(headOf(request, 'chat.completion', 'chatcmpl', createdAt), {
        choices: choices.map(({ text, logprobs, finish }, index) => ({
          index,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: logprobsOf(logprobs),
          finish_reason: finish,
        })),
        usage: usageOf(usage),
      }),
  };
}

export function completionFormatter(
  request: CompletionRequest,
  createdAt: number,
  options: { usage: boolean; echo: boolean },
): Formatter {
  const head = headOf(request, 'text_completion', 'cmpl', createdAt);
  const start = opened(head);
  const tail = options.usage ? ',"usage":null}' : '}';
  const wantsLogprobs = request.sampling.logprobs !== null;
  // Where the next token's text begins, for each choice, over all its chunks.
  const offsets = request.prompts.flatMap(() => Array.from({ length: request.numChoices }, () => 0));
  const { tokenizer } = request.model;
  const textOf = (token: number): string => tokenizer.decode([token], { skipSpecialTokens: false });
  const promptOf = (choice: number): readonly number[] =>
    request.prompts[Math.floor(choice / request.numChoices)]!;
  const promptText = (choice: number): string =>
    tokenizer.decode(promptOf(choice), { skipSpecialTokens: false });

  function logprobsOf(choice: number, logprobs: readonly (TokenLogprob | null)[]) {
    if (!wantsLogprobs) return null;
    const tokens = logprobs.map((entry) => textOf(entry === null ? promptOf(choice)[0]! : entry.token));
    const textOffset = tokens.map((text) => {
      const offset = offsets[choice]!;
      offsets[choice] = offset + text.length;
      return offset;
    });
    return {
      tokens,
      token_logprobs: logprobs.map((entry) => entry?.logprob ?? null),
      top_logprobs: logprobs.map((entry) => (entry === null ? null : topOf(entry))),
      text_offset: textOffset,
    };
  }
  /** OpenAI's map of alternatives holds the chosen token as well. */
  const topOf = ({ top, token, logprob }: TokenLogprob): Record<string, number> =>
    Object.fromEntries([...top, [token, logprob] as const].map(([id, value]) => [textOf(id), value]));

  const piece = (index: number, text: string, logprobs: string, finish: string): string =>
    `${start},"choices":[{"index":${index},"text":${JSON.stringify(text)},"logprobs":${logprobs},"finish_reason":${finish}}]${tail}`;

  return {
    id: idOf(request, 'cmpl'),
    opening: () =>
      options.echo ? offsets.map((_, choice) => piece(choice, promptText(choice), 'null', 'null')) : [],
    chunk({ choice, text, logprobs, finish }) {
      const values = logprobs.length === 0 ? 'null' : JSON.stringify(logprobsOf(choice, logprobs));
      const reason = finish === null ? 'null' : `"${finish}"`;
      return piece(choice, text, values, reason);
    },
    usageChunk: (usage) => `${start},"choices":[],"usage":${JSON.stringify(usageOf(usage))}}`,
    answer: (choices, usage) =>
      Object.assign(head, {
        choices: choices.map(({ text, logprobs, finish, promptLogprobs }, index) => ({
          index,
          text: options.echo ? promptText(index) + text : text,
          logprobs: logprobsOf(index, [...(promptLogprobs ?? []), ...logprobs]),
          finish_reason: finish,
        })),
        usage: usageOf(usage),
      }),
  };
}
