/** A validated body becomes a CompletionRequest: defaults, prompts to tokens, what does not fit is refused. */
import { randomInt } from 'node:crypto';
import { MillraceError } from '../../../core/errors.ts';
import type { ChatMessage, Tokenizer } from '../../../core/tokenizer/tokenizer.ts';
import type { Guide, SamplingParams } from '../../batching/request.ts';
import type { CompletionRequest } from '../../completion/completion.ts';
import type { PromptEncoder } from '../../completion/prompt-encoder.ts';
import type { ServedGenerator } from '../../completion/served-model.ts';
import { fieldLimits, type HttpLimits } from '../limits.ts';
import type { ChatBody, CompletionBody } from './schemas.ts';

export interface Caller {
  readonly requestId: string;
  readonly tenant: string;
  /** What answers: null is the base alone. */
  readonly adapter: string | null;
  readonly version: string;
}

/** What a conversation is put in front of the model as, which need not be what the body says. */
export interface Posed {
  readonly messages: readonly ChatMessage[];
  /** An answer that is known to be right for a question like this; the closer, the more the model is drawn to it. */
  readonly known: { readonly answer: string; readonly closeness: number } | null;
}

/** OpenAI's default for completions; chat answers may fill the context. */
const defaultCompletionTokens = 16;

export async function parseChat(
  body: ChatBody,
  { messages, known }: Posed,
  model: ServedGenerator,
  caller: Caller,
  limits: HttpLimits,
): Promise<CompletionRequest> {
  const prompt = await encodeChat(messages, model);
  const wanted = body.max_completion_tokens ?? body.max_tokens ?? null;
  if (body.top_logprobs != null && body.logprobs !== true) {
    refuse('"top_logprobs" needs "logprobs": true.', 'top_logprobs');
  }
  const logprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : null;
  return {
    prompts: [prompt],
    maxTokens: answerTokens([prompt], wanted, model, 'messages'),
    sampling: {
      ...samplingOf(body, model.engine, logprobs, null),
      guide: known === null ? null : await guideTo(known, model),
    },
    ...common(body, model, caller, limits),
  };
}

/** Throws invalid_argument for more than one request may ask for. */
export function numSequencesOf(body: CompletionBody): number {
  const numSequences = promptsOf(body.prompt).length * (body.n ?? 1);
  if (numSequences <= fieldLimits.sequences) return numSequences;
  return refuse(`prompts times "n" is ${numSequences}, at most ${fieldLimits.sequences}.`, 'n');
}

/** Of a body whose number of sequences was looked at. */
export async function parseCompletion(
  body: CompletionBody,
  model: ServedGenerator,
  caller: Caller,
  limits: HttpLimits,
): Promise<CompletionRequest> {
  const prompts = await encodeTexts(promptsOf(body.prompt), model, 'prompt');
  if (prompts.some((ids) => ids.length === 0)) refuse('the prompt is empty.', 'prompt');
  const logprobs = body.logprobs ?? null;
  return {
    prompts,
    maxTokens: answerTokens(prompts, body.max_tokens ?? defaultCompletionTokens, model, 'prompt'),
    sampling: samplingOf(body, model.engine, logprobs, body.echo === true ? logprobs : null),
    ...common(body, model, caller, limits),
  };
}

/** One prompt or several; a list of numbers is one prompt. */
export function promptsOf(
  input: string | readonly (number | string | readonly number[])[],
): (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number'
    ? [input as readonly number[]]
    : (input as (string | readonly number[])[]);
}

interface Encoding {
  readonly tokenizer: Tokenizer;
  readonly encoder: PromptEncoder;
  readonly engine: { readonly maxContext: number };
}

/** Token ids of texts, or the given ones after a check of their range, in the order of the inputs. */
export async function encodeTexts(
  inputs: readonly (string | readonly number[])[],
  model: Encoding,
  param: string,
  options = { addSpecialTokens: true, allowSpecial: false },
): Promise<readonly (readonly number[])[]> {
  const texts = inputs.filter((input) => typeof input === 'string');
  for (const text of texts) refuseHopeless(text.length, model.engine.maxContext, param);
  const encoded = (await model.encoder.encode(texts, options)).values();
  return inputs.map((input) =>
    typeof input === 'string' ? encoded.next().value! : knownIds(input, model, param),
  );
}

function knownIds(ids: readonly number[], { tokenizer }: Encoding, param: string): readonly number[] {
  const { vocabSize } = tokenizer;
  const wrong = ids.find((id) => id >= vocabSize);
  if (wrong !== undefined) refuse(`token ${wrong} is not in the vocabulary of ${vocabSize}.`, param);
  return ids;
}

export function refuse(message: string, param: string): never {
  throw new MillraceError('invalid_argument', { message }, { param });
}

async function encodeChat(
  messages: readonly ChatMessage[],
  model: ServedGenerator,
): Promise<readonly number[]> {
  if (model.template === null) refuse(`"${model.id}" has no chat template; use /v1/completions.`, 'model');
  const length = messages.reduce((sum, { content }) => sum + content.length, 0);
  refuseHopeless(length, model.engine.maxContext, 'messages');
  const text = model.template.render(messages.map(withoutSpecials(model)), { addGenerationPrompt: true });
  const [ids] = await model.encoder.encode([text], { addSpecialTokens: false, allowSpecial: true });
  return ids!;
}

/** e to this power is how many times likelier the next token of a known answer gets, see docs/experiments.md. */
const mostBias = 12;

async function guideTo(
  { answer, closeness }: NonNullable<Posed['known']>,
  model: ServedGenerator,
): Promise<Guide> {
  const options = { addSpecialTokens: false, allowSpecial: false };
  const [ids] = await model.encoder.encode([model.tokenizer.withoutSpecials(answer)], options);
  return { tokens: ids!, bias: closeness * mostBias };
}

export function messagesOf(messages: ChatBody['messages']): ChatMessage[] {
  return messages.map(({ role, content }): ChatMessage => {
    const text = typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
    return { role: role === 'developer' ? 'system' : (role as ChatMessage['role']), content: text };
  });
}

/** A text may quote the template's own marks; as control tokens they would let it speak for others. */
function withoutSpecials({ tokenizer }: ServedGenerator): (message: ChatMessage) => ChatMessage {
  return (message) => ({ ...message, content: tokenizer.withoutSpecials(message.content) });
}

/** A text so long that it cannot fit is refused before it is tokenized. */
function refuseHopeless(length: number, maxContext: number, param: string): void {
  if (length <= maxContext * fieldLimits.charactersPerToken) return;
  const promptTokens = `at least ${Math.ceil(length / fieldLimits.charactersPerToken)}`;
  throw new MillraceError('context_length_exceeded', { promptTokens, maxTokens: 0, maxContext }, { param });
}

function answerTokens(
  prompts: readonly (readonly number[])[],
  wanted: number | null,
  model: ServedGenerator,
  param: string,
): number {
  const { maxContext } = model.engine;
  const promptTokens = Math.max(...prompts.map((prompt) => prompt.length));
  const room = maxContext - promptTokens;
  if (wanted !== null && wanted <= room) return wanted;
  // As OpenAI does it, an answer that was not bounded, or too generously, gets the room there is.
  if (room > 0 && (wanted === null || param === 'messages')) return room;
  throw new MillraceError(
    'context_length_exceeded',
    { promptTokens, maxTokens: wanted ?? 0, maxContext },
    { param },
  );
}

function common(body: ChatBody | CompletionBody, model: ServedGenerator, caller: Caller, limits: HttpLimits) {
  const stop = body.stop ?? [];
  const eos = body.ignore_eos === true ? [] : model.eosTokenIds;
  return {
    id: caller.requestId,
    model,
    numChoices: body.n ?? 1,
    stop: typeof stop === 'string' ? [stop] : stop,
    stopTokenIds: [...eos, ...(body.stop_token_ids ?? [])],
    priority: body.priority ?? 0,
    tenant: caller.tenant,
    name: body.model,
    adapter: caller.adapter,
    version: caller.version,
    ttftTargetMs: limits.ttftTargetMs,
    tpotTargetMs: limits.tpotTargetMs,
  };
}

function logitBiasOf(body: ChatBody | CompletionBody, vocabSize: number): [number, number][] {
  return Object.entries(body.logit_bias ?? {}).map(([key, bias]) => {
    const token = Number(key);
    if (token >= vocabSize) refuse(`token ${token} is not in the vocabulary of ${vocabSize}.`, 'logit_bias');
    return [token, bias];
  });
}

function samplingOf(
  body: ChatBody | CompletionBody,
  { vocabSize }: ServedGenerator['engine'],
  logprobs: number | null,
  promptLogprobs: number | null,
): SamplingParams {
  return {
    temperature: body.temperature ?? 1,
    topK: body.top_k ?? 0,
    topP: body.top_p ?? 1,
    minP: body.min_p ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    frequencyPenalty: body.frequency_penalty ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    logitBias: logitBiasOf(body, vocabSize),
    guide: null,
    seed: body.seed == null ? randomInt(2 ** 32) : Number(BigInt.asUintN(32, BigInt(body.seed))),
    logprobs,
    promptLogprobs,
  };
}
