/** POST /v1/chat/completions and /v1/completions. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { ChatMessage } from '../../../core/tokenizer/tokenizer.ts';
import type { CompletionRequest } from '../../completion/completion.ts';
import type { ServedGenerator } from '../../completion/served-model.ts';
import type { Recollection } from '../../memory/memory.ts';
import type { Route } from '../../rollout/rollout.ts';
import type { Account } from '../auth.ts';
import { accountOf, type Context, targetOf } from '../context.ts';
import { generate } from '../generation.ts';
import type { StreamOptions } from '../generation-options.ts';
import { keepOf } from '../keep.ts';
import { chatObserverOf, observerOf } from '../observe.ts';
import { chatFormatter, completionFormatter } from '../openai/format.ts';
import {
  type Caller,
  messagesOf,
  numSequencesOf,
  parseChat,
  parseCompletion,
  promptsOf,
  refuse,
} from '../openai/parse.ts';
import { ChatBody, CompletionBody } from '../openai/schemas.ts';
import { refuseUnsupported } from '../openai/unsupported.ts';
import { refuseEarly } from '../refuse-early.ts';
import { recall, stickyKeyOf, underRoute } from '../routing.ts';

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export function generationRoutes(app: FastifyInstance, context: Context): void {
  const preValidation = async (request: { body: unknown }): Promise<void> => {
    if (typeof request.body === 'object' && request.body !== null) {
      refuseUnsupported(request.body as Record<string, unknown>);
    }
  };

  app.post<{ Body: ChatBody }>(
    '/v1/chat/completions',
    { schema: { body: ChatBody, summary: 'Answer a conversation' }, preValidation },
    async (request, reply) => {
      const { body } = request;
      const account = accountOf(request);
      const { model, adapter } = targetOf(context, body.model);
      const numSequences = body.n ?? 1;
      const asked = { operation: 'chat', model, name: body.model, numSequences } as const;
      refuseEarly(context, request, asked);
      const messages = messagesOf(body.messages);
      const stickyKey = stickyKeyOf(body.user, messages[0]!.content);
      const routable = { asked, adapter, wishes: body.millrace, stickyKey };
      return underRoute(context, request, routable, async (route) => {
        const found = await recall(context, account, model, { wishes: body.millrace, messages });
        const posed = { account, model, route, found, messages, id: request.id };
        const completion = await chatOf(context, body, posed);
        const stream = streamOptionsOf(body);
        const formatter = chatFormatter(completion, nowSeconds(), { usage: stream?.includeUsage === true });
        const said = { kind: 'chat' as const, messages };
        const { version } = completion;
        const answer = { id: formatter.id, model: model.id, route, version, said, stickyKey };
        const onAnswer = keepOf(context, account, { store: body.store, answer });
        const onOutcome = chatObserverOf(context, { completion, route, stickyKey });
        return generate(context, request, reply, {
          operation: 'chat',
          completion,
          formatter,
          stream,
          said,
          onAnswer,
          onOutcome,
        });
      });
    },
  );

  app.post<{ Body: CompletionBody }>(
    '/v1/completions',
    { schema: { body: CompletionBody, summary: 'Continue a text' }, preValidation },
    async (request, reply) => {
      const { body } = request;
      const account = accountOf(request);
      const { model, adapter } = targetOf(context, body.model);
      const stream = streamOptionsOf(body);
      const echo = body.echo === true;
      if (stream !== null && echo && body.logprobs != null) {
        refuse('"echo" with "logprobs" cannot be streamed; leave "stream" out.', 'echo');
      }
      const numSequences = numSequencesOf(body);
      const operation = 'text_completion';
      const asked = { operation, model, name: body.model, numSequences } as const;
      refuseEarly(context, request, asked);
      const stickyKey = stickyKeyOf(body.user, request.id);
      const routable = { asked, adapter, wishes: body.millrace, stickyKey };
      return underRoute(context, request, routable, async (route) => {
        const caller = { requestId: request.id, tenant: account.tenant, ...route };
        const completion = await parseCompletion(body, model, caller, context.limits);
        const usage = stream?.includeUsage === true;
        const formatter = completionFormatter(completion, nowSeconds(), { usage, echo });
        const said = saidIn(body, model);
        const { version } = completion;
        const answer = said && { id: formatter.id, model: model.id, route, version, said, stickyKey };
        const onAnswer = keepOf(context, account, { store: body.store, answer });
        const onOutcome = observerOf(context, { completion, route, stickyKey });
        const options = { operation, completion, formatter, stream, said, onAnswer, onOutcome } as const;
        return generate(context, request, reply, options);
      });
    },
  );
}

interface Posed {
  readonly id: string;
  readonly account: Account;
  readonly model: ServedGenerator;
  readonly route: Route;
  readonly found: Recollection | null;
  readonly messages: readonly ChatMessage[];
}

/** With what is remembered, where that fits. */
async function chatOf(
  context: Context,
  body: ChatBody,
  { id, account, model, route, found, messages }: Posed,
): Promise<CompletionRequest> {
  const caller: Caller = { requestId: id, tenant: account.tenant, ...route };
  const plain = () => parseChat(body, { messages, known: null }, model, caller, context.limits);
  if (found === null) return plain();
  const version = `${route.version}+m${found.revision}`;
  try {
    const known = { answer: found.entry.answer, closeness: found.closeness };
    const posed = { messages: found.messages, known };
    return await parseChat(body, posed, model, { ...caller, version }, context.limits);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'context_length_exceeded') return plain();
    throw error;
  }
}

/** What a completion continues, where it is one text; only then can feedback refer to it. */
function saidIn({ prompt }: CompletionBody, { tokenizer }: ServedGenerator) {
  const [first, ...rest] = promptsOf(prompt);
  if (rest.length > 0) return null;
  const text = typeof first === 'string' ? first : tokenizer.decode(first!, { skipSpecialTokens: false });
  return { kind: 'text' as const, prompt: text };
}

function streamOptionsOf(body: ChatBody | CompletionBody): StreamOptions | null {
  if (body.stream !== true) return null;
  const { include_usage, include_obfuscation } = body.stream_options ?? {};
  return { includeUsage: include_usage === true, hideSizes: include_obfuscation === true };
}
