/** What the trainer publishes is served, unless somebody wants none of it, or wants none that is new. */
import { readAdapter } from '../../core/registry/adapter-store.ts';
import type { LearningLayout, VersionEvent } from '../../core/registry/learning-layout.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { Trials } from '../rollout/trials.ts';
import type { Bases } from './bases.ts';
import type { Consolidation } from './consolidation.ts';

/** Moves a model's name to another base version, or throws and changes nothing. */
export interface BaseMoves {
  to(model: string, version: string): Promise<void>;
  close(): Promise<void>;
}

export interface ServingParts {
  readonly layout: Pick<LearningLayout, 'adapters'>;
  readonly rollout: Rollout;
  readonly bases: Bases;
  readonly consolidation: Consolidation;
  readonly baseMoves: BaseMoves;
  readonly trials: Pick<Trials, 'publish'>;
  /** Enough servers can answer by the version when it resolves. Throws what fails of other replicas. */
  readonly makeReady: (model: string, adapter: string) => Promise<void>;
  /** Nothing that has learned one of the rows is served or remembered any more. */
  readonly undo: (model: string, tenant: string, rows: readonly string[]) => Promise<unknown>;
  readonly onSwap: (message: string) => void;
}

/** Events may come more than once. Throws what moving throws. */
export async function serveEvent(parts: ServingParts, event: VersionEvent): Promise<void> {
  if (!parts.rollout.serves(event.model)) return;
  if (event.type === 'published') await servePublished(parts, event);
  if (event.type === 'base') await serveBase(parts, event);
  if (event.type === 'planted') {
    const { model, tenant, rows } = event;
    await parts.undo(model, tenant, rows);
    parts.onSwap(`${model}, ${tenant}: ${rows.length} rows were planted and are undone`);
  }
  if (event.type === 'base-refused') {
    parts.consolidation.ended(event);
    parts.onSwap(`${event.model}, ${event.tenant}: no new base was made: ${event.reason}`);
  }
}

async function servePublished(
  { rollout, consolidation, trials, makeReady, onSwap }: ServingParts,
  { model, tenant, adapter }: Extract<VersionEvent, { type: 'published' }>,
): Promise<void> {
  if (rollout.of(model, tenant).pinned || !(await rollout.isWanted(model, tenant, adapter))) return;
  await makeReady(model, adapter);
  const placement = await trials.publish(model, tenant, adapter);
  onSwap(`${model}, ${tenant}: ${placement} is ${adapter}`);
  await consolidation.askWhenDue(model, tenant);
}

async function serveBase(parts: ServingParts, event: Extract<VersionEvent, { type: 'base' }>): Promise<void> {
  const { rollout, consolidation, baseMoves, onSwap } = parts;
  const { model, tenant, version } = event;
  consolidation.ended(event);
  if (rollout.baseOf(model) === version) return;
  const reason = await reasonAgainst(parts, event);
  if (reason === null) await baseMoves.to(model, version);
  else onSwap(`${model}, ${tenant}: the base ${version} is not served: ${reason}`);
}

/** Between the request and its end somebody may have moved on. */
async function reasonAgainst(
  { layout, rollout, bases }: ServingParts,
  { model, tenant, version, adapter }: Extract<VersionEvent, { type: 'base' }>,
): Promise<string | null> {
  const { base } = await readAdapter(layout.adapters, adapter);
  if (base !== rollout.baseOf(model)) return 'it was made of another base than is served';
  const chain = await chainOf(layout.adapters, rollout.of(model, tenant).stable);
  if (!chain.some(({ id }) => id === adapter) || !(await rollout.isWanted(model, tenant, adapter)))
    return `${adapter}, which is in it, is no longer served`;
  const learned = rollout.tenantsOf(model).filter((name) => rollout.of(model, name).stable !== null);
  const stranger = learned.find((name) => name !== tenant);
  if (stranger !== undefined) return `it would answer ${stranger} with what ${tenant} has taught`;
  return bases.objectionTo(await bases.find(model, version), (name) => rollout.of(model, name).undone);
}
