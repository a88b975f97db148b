/** /v1/memory: the corrections that are remembered for the caller's tenant, to be looked through, mended and deleted. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { MemoryEntry } from '../../memory/entry.ts';
import type { Memory } from '../../memory/memory.ts';
import { accountOf, type Context, generatorOf } from '../context.ts';
import { PageQuery } from '../openai/job-schemas.ts';
import { parsePage } from '../openai/parse-job.ts';
import { MemoryBody, MemoryChange } from '../openai/schemas.ts';
import { learningOf } from './feedback.ts';

const defaultPage = 100;
const maxPage = 1_000;

function memoryOf(context: Context): Memory {
  const { memory } = learningOf(context);
  if (memory !== null) return memory;
  throw new MillraceError('learning_off', {
    reason: 'memory.mode is off, or models.embeddings names no encoder',
  });
}

const shown = (entry: MemoryEntry) => ({
  id: entry.id,
  object: 'memory',
  model: entry.model,
  question: entry.question,
  context: entry.context,
  answer: entry.answer,
  feedback_id: entry.source,
  created_at: new Date(entry.createdMs).toISOString(),
  expires_at: new Date(entry.expiresMs).toISOString(),
});

export function memoryRoutes(app: FastifyInstance, context: Context): void {
  app.get<{ Querystring: PageQuery }>(
    '/v1/memory',
    { schema: { querystring: PageQuery, summary: 'What is remembered, newest first' } },
    async (request) => {
      const { limit, after } = parsePage(request.query, defaultPage, maxPage);
      const entries = memoryOf(context).list(accountOf(request).tenant).toReversed();
      const from = entries.findIndex(({ id }) => id === after) + 1;
      const page = entries.slice(from, from + limit);
      return { object: 'list', data: page.map(shown), has_more: from + page.length < entries.length };
    },
  );

  app.post<{ Body: MemoryBody }>(
    '/v1/memory',
    { schema: { body: MemoryBody, summary: 'Remember an answer to a question' } },
    async (request, reply) => {
      const { question, answer, model = learningOf(context).defaultModel } = request.body;
      generatorOf(context, model);
      const { tenant, name } = accountOf(request);
      const entry = { tenant, account: name, model, question, context: null, answer, source: null };
      return reply.code(201).send(shown(await memoryOf(context).put(entry)));
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/memory/:id',
    { schema: { summary: 'One remembered answer' } },
    async (request) => shown(memoryOf(context).get(accountOf(request).tenant, request.params.id)),
  );

  app.post<{ Params: { id: string }; Body: MemoryChange }>(
    '/v1/memory/:id',
    { schema: { body: MemoryChange, summary: 'Change what is remembered' } },
    async (request) => {
      const { tenant } = accountOf(request);
      return shown(await memoryOf(context).edit(tenant, request.params.id, request.body));
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/v1/memory/:id',
    { schema: { summary: 'Forget an answer' } },
    async (request) => {
      const { id } = request.params;
      await memoryOf(context).forget(accountOf(request).tenant, id);
      return { id, object: 'memory.deleted', deleted: true };
    },
  );
}
