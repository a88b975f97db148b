/** POST /v1/feedback and GET /v1/feedback/{id}: what users say of answers, and what became of it. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { FeedbackView } from '../../feedback/keeper-messages.ts';
import type { Learning } from '../../learning/learning.ts';
import { accountOf, type Context, generatorOf } from '../context.ts';
import { fieldLimits } from '../limits.ts';
import { refuse } from '../openai/parse.ts';
import { parseFeedback } from '../openai/parse-feedback.ts';
import { FeedbackBody } from '../openai/schemas.ts';

/** Throws learning_off. */
export function learningOf({ learning }: Context): Learning {
  if (learning !== null) return learning;
  throw new MillraceError('learning_off', {
    reason: 'learning.mode is off, or the model is none that can learn',
  });
}

export function feedbackRoutes(app: FastifyInstance, context: Context): void {
  app.post<{ Body: FeedbackBody }>(
    '/v1/feedback',
    { schema: { body: FeedbackBody, summary: 'Say what an answer was worth, or what it should have been' } },
    async (request, reply) => {
      const learning = learningOf(context);
      const { tenant, name } = accountOf(request);
      const subject = parseFeedback(request.body, learning.defaultModel);
      if (subject.kind === 'demonstration') generatorOf(context, subject.model);
      const idempotency = idempotencyOf(request.headers['idempotency-key'], request.body);
      const record = await learning.keeper.call('feedback', { tenant, account: name, subject, idempotency });
      const receivedMs = Date.parse(record.receivedAt);
      context.metrics.learning.recordFeedback({ id: record.id, kind: record.signal.kind, receivedMs });
      learning.wake();
      learning.trials.observeFeedback(record);
      return reply.code(202).send({ id: record.id, object: 'feedback', durable: true });
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/feedback/:id',
    { schema: { summary: 'What became of a row of feedback' } },
    async (request) => {
      const { id } = request.params;
      const learning = learningOf(context);
      const { tenant } = accountOf(request);
      const view = await learning.keeper.call('view', { id, tenant });
      if (view === null)
        throw new MillraceError('feedback_not_found', { id: id.slice(0, 64) }, { param: 'id' });
      return fateOf(learning, view);
    },
  );
}

/** The body's digest tells a repeated request from another one under the same key. */
function idempotencyOf(key: string | string[] | undefined, body: FeedbackBody) {
  if (key === undefined) return null;
  if (typeof key !== 'string' || key === '' || key.length > fieldLimits.idempotencyKeyCharacters) {
    return refuse(
      `the Idempotency-Key has 1 to ${fieldLimits.idempotencyKeyCharacters} characters.`,
      'idempotency-key',
    );
  }
  return { key, digest: createHash('sha256').update(JSON.stringify(body)).digest('hex') };
}

function fateOf({ memory, rollout }: Learning, { record, fate }: FeedbackView) {
  const { id, receivedAt, tenant, model, account, version, arm, signal, redactions } = record;
  const entry = memory?.list(tenant).find(({ source }) => source === id) ?? null;
  const state = fate?.state ?? { kind: 'stored' as const };
  const adapter = state.kind === 'trained' ? state.version : null;
  const { servedSince } = rollout.of(model, tenant);
  return {
    id,
    object: 'feedback',
    kind: signal.kind,
    received_at: receivedAt,
    about: { model, version, arm, response_id: record.responseId, account },
    redactions,
    state: state.kind,
    reason: state.kind === 'dropped' ? state.reason : null,
    decided_at: fate?.at ?? null,
    memory: entry === null ? null : { id: entry.id, expires_at: new Date(entry.expiresMs).toISOString() },
    version: adapter,
    served_since: adapter === null ? null : (servedSince[adapter] ?? null),
  };
}
