/** Which version answers a request, and what is remembered for it. */
import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import type { ServedGenerator } from '../completion/served-model.ts';
import type { Recollection } from '../memory/memory.ts';
import type { Route } from '../rollout/rollout.ts';
import { type Pin, parsePin } from '../rollout/version-id.ts';
import type { Account } from './auth.ts';
import { accountOf, type Context } from './context.ts';
import { type Asked, recordRefusal } from './refuse-early.ts';

/** The fields of a request that choose what answers it. */
export interface Wishes {
  readonly memory?: boolean;
  readonly version?: string;
}

export type Answer<T> = (route: Route) => T | Promise<T>;

export interface Routable {
  readonly asked: Asked;
  /** An adapter that the model's name names; null: none. */
  readonly adapter: string | null;
  readonly wishes: Wishes | undefined;
  /** What stays with one version while it is on trial. */
  readonly stickyKey: string;
}

/**
 * Runs `answer` under the version that the request is for. The scope is asked for by whoever wishes anything. Throws
 * forbidden, version_not_found, base_replaced, adapters_busy, and what loading and `answer` throw.
 */
export async function underRoute<T>(
  context: Context,
  request: FastifyRequest,
  { asked, adapter, wishes, stickyKey }: Routable,
  answer: Answer<T>,
): Promise<T> {
  const account = accountOf(request);
  if (wishes !== undefined) account.require('versions');
  const { tenant } = account;
  const { model } = asked;
  const version = adapter ?? wishes?.version ?? null;
  const startMs = context.clock.nowMs();
  try {
    return await underVersion(context, { tenant, model, version, stickyKey }, answer);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'adapters_busy')
      recordRefusal(context, request, asked, { startMs, error });
    throw error;
  }
}

export interface Versioned {
  readonly tenant: string;
  readonly model: ServedGenerator;
  /** As requests name it; null: where the aliases point. */
  readonly version: string | null;
  readonly stickyKey: string;
}

/** Runs `answer` under a version. Throws invalid_argument, and as underRoute. */
export async function underVersion<T>(
  { learning }: Context,
  { tenant, model, version, stickyKey }: Versioned,
  answer: Answer<T>,
): Promise<T> {
  const pin = version === null ? null : pinOf(version);
  if (learning?.rollout.serves(model.id))
    return learning.rollout.answer({ model: model.id, tenant, stickyKey, pin }, answer);
  if (pin === null || (pin.adapter === null && (pin.base ?? model.version) === model.version))
    return answer({ adapter: null, version: model.version, arm: null });
  throw new MillraceError('version_not_found', { version: version! }, { param: 'millrace.version' });
}

function pinOf(text: string): Pin {
  const pin = parsePin(text);
  if (pin !== null) return pin;
  const message = 'A version is named as responses name it, by the id of its adapter, or "base".';
  throw new MillraceError('invalid_argument', { message }, { param: 'millrace.version' });
}

/** One user, or else one conversation, stays with one version. A digest: it is stored, and says nobody's name. */
export function stickyKeyOf(user: string | undefined, beginning: string): string {
  const [kind, text] = user === undefined ? ['beginning', beginning] : ['user', user];
  return hash('sha256', `${kind}:${text}`);
}

export async function recall(
  { learning, metrics }: Context,
  account: Account,
  model: ServedGenerator,
  options: { readonly wishes: Wishes | undefined; readonly messages: readonly ChatMessage[] },
): Promise<Recollection | null> {
  const memory = learning?.memory ?? null;
  if (memory === null || options.wishes?.memory === false) return null;
  const found = await memory.recall(account.tenant, model.id, options.messages);
  metrics.learning.recordRecall(found !== null);
  return found;
}
