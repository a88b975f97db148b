/**
 * Asks the trainer to merge what a tenant's stable version has learned into the weights. A base is shared by whoever is
 * answered by it, so that it is made only where that is one tenant alone.
 */

import { MillraceError } from '../../core/errors.ts';
import {
  type ConsolidationRequest,
  readConsolidationRequest,
  writeConsolidationRequest,
} from '../../core/learning/consolidation-request.ts';
import type { LearningLayout, VersionEvent } from '../../core/registry/learning-layout.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { type Bases, mergedInto } from './bases.ts';

export interface ConsolidationOptions {
  readonly layout: Pick<LearningLayout, 'requests' | 'adapters'>;
  /** The model that the trainer learns for. */
  readonly model: string;
  /** Whose requests are answered. */
  readonly tenants: readonly string[];
  readonly rollout: Pick<Rollout, 'of' | 'tenantsOf'>;
  readonly bases: Bases;
  /** Versions of an adapter after which it is merged without being asked for; 0: never. */
  readonly afterVersions: number;
  readonly now: () => Date;
}

export type ConsolidationEnd = Extract<VersionEvent, { type: 'base' | 'base-refused' }>;

export class Consolidation {
  private readonly options: ConsolidationOptions;
  /** How the latest one ended, since the server started. */
  private latest: ConsolidationEnd | null = null;
  private asking: Promise<unknown> = Promise.resolve();

  constructor(options: ConsolidationOptions) {
    this.options = options;
  }

  /** Durable when it returns. Throws invalid_argument with the reason when it cannot be done. */
  ask(model: string, tenant: string): Promise<ConsolidationRequest> {
    const asked = this.asking.then(async () => {
      const adapter = await this.check(model, tenant);
      const at = this.options.now().toISOString();
      const request = { at, model, tenant, adapter, attempts: 0 };
      await writeConsolidationRequest(this.options.layout, request);
      return request;
    });
    this.asking = asked.catch(() => {});
    return asked;
  }

  /** Asks by itself where there is enough to merge. Never throws. */
  async askWhenDue(model: string, tenant: string): Promise<void> {
    const { afterVersions } = this.options;
    if (afterVersions === 0) return;
    try {
      if ((await this.numUnmerged(model, tenant)) >= afterVersions) await this.ask(model, tenant);
    } catch {
      // There is a reason against it, which whoever asks by hand is told.
    }
  }

  ended(end: ConsolidationEnd): void {
    this.latest = end;
  }

  async state(): Promise<{
    readonly open: ConsolidationRequest | null;
    readonly latest: ConsolidationEnd | null;
  }> {
    return { open: await readConsolidationRequest(this.options.layout), latest: this.latest };
  }

  /** Returns the adapter to merge. */
  private async check(model: string, tenant: string): Promise<string> {
    const { layout, tenants, rollout } = this.options;
    if (model !== this.options.model) refuse(`"${model}" does not learn here.`);
    const open = await readConsolidationRequest(layout);
    if (open !== null && open.model === model)
      refuse(`A consolidation for ${open.tenant} is under way since ${open.at}.`);
    const { stable } = rollout.of(model, tenant);
    if (stable === null) return refuse(`${tenant} has no stable version: there is nothing to merge.`);
    const learned = rollout.tenantsOf(model).filter((name) => rollout.of(model, name).stable !== null);
    const others = [...tenants, ...learned].filter((name) => name !== tenant);
    if (others.length > 0) {
      const names = [...new Set(others)].slice(0, 5).join(', ');
      refuse(`The base would answer others with what ${tenant} has taught: ${names}.`);
    }
    return stable;
  }

  /** Versions of the stable one's chain since the last that was merged or refused. */
  private async numUnmerged(model: string, tenant: string): Promise<number> {
    const { layout, rollout, bases } = this.options;
    const chain = await chainOf(layout.adapters, rollout.of(model, tenant).stable);
    const all = await bases.list(model);
    const tried = new Set(all.flatMap(({ manifest }) => mergedInto(manifest).map(({ adapter }) => adapter)));
    if (this.latest !== null) tried.add(this.latest.adapter);
    const last = chain.findIndex(({ id }) => tried.has(id));
    return last === -1 ? chain.length : last;
  }
}

function refuse(message: string): never {
  throw new MillraceError('invalid_argument', { message });
}
