/** POST /v1/embeddings. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import { batched } from '../batched.ts';
import { type Context, encoderOf } from '../context.ts';
import { encodeTexts, promptsOf, refuse } from '../openai/parse.ts';
import { EmbeddingBody } from '../openai/schemas.ts';

export function embeddingRoutes(app: FastifyInstance, context: Context): void {
  app.post<{ Body: EmbeddingBody }>(
    '/v1/embeddings',
    { schema: { body: EmbeddingBody, summary: 'Vectors of texts' } },
    async (request, reply) => {
      const { body } = request;
      const model = encoderOf(context, body.model);
      const { dimensions, maxContext } = model.engine;
      if (body.dimensions !== undefined && body.dimensions !== dimensions) {
        refuse(`"${model.id}" has ${dimensions} dimensions; others are not supported.`, 'dimensions');
      }
      const inputs = await encodeTexts(promptsOf(body.input), model, 'input');
      const longest = Math.max(...inputs.map((input) => input.length));
      if (longest > maxContext) {
        const details = { promptTokens: longest, maxTokens: 0, maxContext };
        throw new MillraceError('context_length_exceeded', details, { param: 'input' });
      }
      const promptTokens = inputs.reduce((sum, input) => sum + input.length, 0);
      const vectors = await batched(context, request, reply, {
        operation: 'embeddings',
        model,
        name: body.model,
        promptTokens,
        run: (signal) => model.engine.embed(inputs, { signal }),
      });
      reply.header('x-millrace-version', model.version);
      return {
        object: 'list',
        data: vectors.map((vector, index) => ({
          object: 'embedding',
          index,
          embedding: body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector),
        })),
        model: model.id,
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
      };
    },
  );
}

/** Little-endian fp32, as OpenAI's clients unpack it. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
