/** POST /v1/chat/completions and /v1/completions. */
import type { FastifyInstance } from 'fastify';
import { accountOf, type Context, generatorOf } from '../context.ts';
import { generate, type StreamOptions } from '../generation.ts';
import { chatFormatter, completionFormatter } from '../openai/format.ts';
import { type Caller, parseChat, parseCompletion, refuse } from '../openai/parse.ts';
import { ChatBody, CompletionBody } from '../openai/schemas.ts';
import { refuseUnsupported } from '../openai/unsupported.ts';

export function generationRoutes(app: FastifyInstance, context: Context): void {
  const nowSeconds = (): number => Math.floor(Date.now() / 1000);
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
      const caller: Caller = { requestId: request.id, tenant: accountOf(request).name };
      const completion = await parseChat(body, generatorOf(context, body.model), caller, context.limits);
      const stream = streamOptionsOf(body);
      const formatter = chatFormatter(completion, nowSeconds(), { usage: stream?.includeUsage === true });
      return generate(context, request, reply, { operation: 'chat', completion, formatter, stream });
    },
  );

  app.post<{ Body: CompletionBody }>(
    '/v1/completions',
    { schema: { body: CompletionBody, summary: 'Continue a text' }, preValidation },
    async (request, reply) => {
      const { body } = request;
      const caller: Caller = { requestId: request.id, tenant: accountOf(request).name };
      const stream = streamOptionsOf(body);
      const echo = body.echo === true;
      if (stream !== null && echo && body.logprobs != null) {
        refuse('"echo" with "logprobs" cannot be streamed; leave "stream" out.', 'echo');
      }
      const completion = await parseCompletion(
        body,
        generatorOf(context, body.model),
        caller,
        context.limits,
      );
      const usage = stream?.includeUsage === true;
      const formatter = completionFormatter(completion, nowSeconds(), { usage, echo });
      return generate(context, request, reply, {
        operation: 'text_completion',
        completion,
        formatter,
        stream,
      });
    },
  );
}

function streamOptionsOf(body: ChatBody | CompletionBody): StreamOptions | null {
  if (body.stream !== true) return null;
  const { include_usage, include_obfuscation } = body.stream_options ?? {};
  return { includeUsage: include_usage === true, hideSizes: include_obfuscation === true };
}
