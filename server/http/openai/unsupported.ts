/** What OpenAI's API has and this server does not yet: asked for, it is refused, never ignored. */
import { MillraceError } from '../../../core/errors.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * What other servers call a grammar, a pattern or a schema that the answer is held to. An answer that is not held to it
 * must not look as if it were.
 */
const constraints = [
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'guided_decoding_backend',
  'structured_outputs',
  'structural_tag',
  'grammar',
  'json_schema',
  'regex',
  'ebnf',
] as const;

/** A field, and whether its value asks for something. */
const unsupported: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: (value) => !Array.isArray(value) || value.length > 0,
  tool_choice: (value) => value !== 'none',
  functions: () => true,
  function_call: (value) => value !== 'none',
  response_format: (value) => (value as Body | null)?.type !== 'text',
  modalities: (value) => !Array.isArray(value) || value.some((item) => item !== 'text'),
  audio: () => true,
  prediction: () => true,
  web_search_options: () => true,
  suffix: (value) => value !== '',
  best_of: (value) => value !== 1,
  chat_template: () => true,
  chat_template_kwargs: () => true,
  reasoning_effort: () => true,
  ...Object.fromEntries(constraints.map((field) => [field, () => true])),
  logits_processors: () => true,
  bad_words: () => true,
  prompt_logprobs: () => true,
};

/** Throws invalid_argument naming the first unsupported field that is asked for. */
export function refuseUnsupported(body: Body): void {
  for (const [field, asks] of Object.entries(unsupported)) {
    const value = body[field];
    if (value === undefined || value === null || !asks(value)) continue;
    const message = `"${field}" is not supported by this server yet. Leave it out.`;
    throw new MillraceError('invalid_argument', { message }, { param: field });
  }
  refuseContentParts(body.messages);
}

function refuseContentParts(messages: unknown): void {
  if (!Array.isArray(messages)) return;
  messages.forEach((message: Body | null, index) => {
    const content = message?.content;
    if (message?.role === 'tool' || message?.tool_calls !== undefined) refuseMessage(index, 'tool calls');
    if (!Array.isArray(content)) return;
    const types = content.map((item: Body | null) => item?.type);
    const strange = types.findIndex((type) => type !== 'text');
    if (strange >= 0) refuseMessage(index, `content of type "${String(types[strange]).slice(0, 40)}"`);
  });
}

function refuseMessage(index: number, what: string): never {
  const message = `${what} in messages is not supported by this server yet; it takes text.`;
  throw new MillraceError('invalid_argument', { message }, { param: `messages[${index}]` });
}
