/** Which version answers a request, and what is remembered for it. */
import { hash } from 'node:crypto';
import { MillraceError } from '../../core/errors.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import type { ServedGenerator } from '../completion/served-model.ts';
import type { Recollection } from '../memory/memory.ts';
import type { Route } from '../rollout/rollout.ts';
import { type Pin, parsePin } from '../rollout/version-id.ts';
import type { Account } from './auth.ts';
import type { Context, targetOf } from './context.ts';

/** The fields of a request that choose what answers it. */
export interface Wishes {
  readonly memory?: boolean;
  readonly version?: string;
}

/** The scope is asked for by whoever wishes anything. Throws forbidden, version_not_found. */
export async function routeOf(
  context: Context,
  account: Account,
  { model, adapter }: ReturnType<typeof targetOf>,
  options: { readonly wishes: Wishes | undefined; readonly stickyKey: string },
): Promise<Route> {
  const { wishes, stickyKey } = options;
  if (wishes !== undefined) account.require('versions');
  const { tenant } = account;
  if (adapter !== null) return routeFor(context, { tenant, model, version: adapter });
  if (wishes?.version !== undefined) return routeFor(context, { tenant, model, version: wishes.version });
  const rollout = context.learning?.rollout;
  if (rollout === undefined || !rollout.serves(model.id)) {
    return { adapter: null, version: model.version, arm: null };
  }
  return rollout.resolve(model.id, tenant, stickyKey, null);
}

/** The route to a version that was asked for by name. Throws invalid_argument, version_not_found. */
export async function routeFor(
  { learning }: Context,
  asked: { readonly tenant: string; readonly model: ServedGenerator; readonly version: string },
): Promise<Route> {
  const { tenant, model, version } = asked;
  const pin = pinOf(version);
  if (learning?.rollout.serves(model.id)) return learning.rollout.resolve(model.id, tenant, '', pin);
  if (pin.adapter === null && (pin.base ?? model.version) === model.version) {
    return { adapter: null, version: model.version, arm: null };
  }
  throw new MillraceError('version_not_found', { version }, { param: 'millrace.version' });
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
