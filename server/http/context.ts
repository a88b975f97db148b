/** What routes share: handed to each of them once, at start. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { parseFineTunedName } from '../../core/jobs/fine-tuned-name.ts';
import type { Admission } from '../admission/admission.ts';
import type { Budgets } from '../admission/limits.ts';
import type { ModelCatalogue, ServedEncoder, ServedGenerator } from '../completion/served-model.ts';
import type { Learning } from '../learning/learning.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RequestTrace } from '../observability/tracing.ts';
import type { Account, Scope } from './auth.ts';
import type { HttpLimits } from './limits.ts';
import type { Readiness } from './readiness.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; without it, the scope 'inference' is asked for. */
    scope?: Scope | 'public';
  }
  interface FastifyRequest {
    account: Account | null;
    /** Null where nothing is traced. */
    trace: RequestTrace | null;
  }
}

export interface Context {
  readonly models: ModelCatalogue;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Null: nothing is kept and nothing learned. */
  readonly learning: Learning | null;
  readonly readiness: Readiness;
  admissionOf(model: ServedGenerator): Admission;
}

/** Throws model_not_found. An id is only ever compared. */
export function generatorOf({ models }: Context, id: string): ServedGenerator {
  const model = models.get(id);
  if (model?.kind === 'generator') return model;
  throw notFound(models, id, 'generator');
}

/** A generator, or one fine-tuned from it, whose adapter then answers. Throws model_not_found. */
export function targetOf(
  context: Context,
  id: string,
): { readonly model: ServedGenerator; readonly adapter: string | null } {
  const tuned = parseFineTunedName(id);
  if (tuned === null) return { model: generatorOf(context, id), adapter: null };
  const model = context.models.get(tuned.model);
  if (model?.kind !== 'generator') throw notFound(context.models, id, 'generator');
  return { model, adapter: tuned.adapter };
}

export function encoderOf({ models }: Context, id: string): ServedEncoder {
  const model = models.get(id);
  if (model?.kind === 'encoder') return model;
  throw notFound(models, id, 'encoder');
}

function notFound(models: ModelCatalogue, id: string, kind: string): MillraceError {
  const fitting = models.list().filter((model) => model.kind === kind);
  const available = fitting.map((model) => model.id).join(', ') || 'none';
  const model = id.replace(/[^\w./:-]/g, '?').slice(0, 64);
  return new MillraceError('model_not_found', { model, available }, { param: 'model' });
}

/** The caller, known since the request's head was read. */
export function accountOf(request: FastifyRequest): Account {
  if (request.account === null) throw new MillraceError('unauthorized');
  return request.account;
}

/** What is left of the caller's limits, in OpenAI's headers. */
export function limitHeaders(budgets: Budgets): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [kind, budget] of Object.entries(budgets)) {
    if (budget === null) continue;
    headers[`x-ratelimit-limit-${kind}`] = String(budget.limit);
    headers[`x-ratelimit-remaining-${kind}`] = String(budget.remaining);
    headers[`x-ratelimit-reset-${kind}`] = `${budget.resetMs}ms`;
  }
  return headers;
}

export function setHeaders(reply: FastifyReply, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
}
