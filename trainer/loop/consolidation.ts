/**
 * Does what the server asks for: the tenant's stable version becomes part of the weights, in a process of its own, while
 * the trainer goes on learning. Told first, forgotten last: whoever is killed between the two tells it again.
 */

import { MillraceError } from '../../core/errors.ts';
import type { ImportProgress } from '../../core/import/import.ts';
import {
  type ConsolidationRequest,
  readConsolidationRequest,
  removeConsolidationRequest,
  writeConsolidationRequest,
} from '../../core/learning/consolidation-request.ts';
import { messageOf } from '../../core/message-of.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import { aliasesOf, readAliases, servedBase } from '../../core/registry/aliases.ts';
import { listBaseVersions, removeBaseVersion } from '../../core/registry/base-versions.ts';
import { failedChecks } from '../../core/registry/gate-record.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import { chainOf, rowsOf } from '../../core/registry/lineage.ts';
import { openVersion } from '../../core/registry/open-version.ts';
import type { Consolidated, ConsolidateOptions } from '../consolidate/consolidate.ts';
import type { Ledger } from './ledger.ts';
import type { LineStore } from './line-store.ts';

export interface ConsolidationParts {
  readonly layout: LearningLayout;
  readonly modelsDir: string;
  /** The model that learns. */
  readonly model: string;
  readonly threads: number;
  readonly niceness: number;
  /** What takes longer is ended, and counts as an attempt. */
  readonly timeoutMs: number;
  readonly lines: Pick<LineStore, 'get'>;
  readonly ledger: Pick<Ledger, 'tellVersion'>;
  readonly consolidate: (options: ConsolidateOptions) => Promise<Consolidated>;
  /** A version was made, and others may have made place for it. */
  readonly onMade: () => Promise<void>;
  readonly now: () => Date;
  readonly log: (message: string) => void;
}

/** What was begun so often and never ended is given up. */
const maxAttempts = 5;

export class Consolidation {
  private readonly parts: ConsolidationParts;
  private readonly closing = new AbortController();
  private running: Promise<void> | null = null;

  constructor(parts: ConsolidationParts) {
    this.parts = parts;
  }

  /** Begins with what is asked for, if anything is; never waits for its end. */
  async poll(): Promise<void> {
    if (this.running !== null) return;
    const { layout, model, log } = this.parts;
    const request = await readConsolidationRequest(layout);
    if (request?.model !== model || (await readAliases(layout.aliases)).paused) return;
    this.running = this.run(request)
      .catch((error: unknown) => log(`the consolidation failed and is tried again: ${textOf(error)}`))
      .finally(() => {
        this.running = null;
      });
  }

  /** Stops what runs; it is begun again when the trainer is. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  private async run(request: ConsolidationRequest): Promise<void> {
    const there = await this.existing(request);
    if (there !== null) return this.tellMade(request, there);
    const { layout } = this.parts;
    await writeConsolidationRequest(layout, { ...request, attempts: request.attempts + 1 });
    try {
      const reason = await this.reasonAgainst(request);
      await (reason === null ? this.make(request) : this.tellRefused(request, reason, []));
    } catch (error) {
      // The operator's stop is no attempt that failed.
      if (this.closing.signal.aborted) return writeConsolidationRequest(layout, request);
      if (!(error instanceof MillraceError) && request.attempts + 1 < maxAttempts) throw error;
      await this.tellRefused(request, textOf(error), []);
    }
  }

  private async make(request: ConsolidationRequest): Promise<void> {
    const { layout, modelsDir, model, threads, niceness, timeoutMs } = this.parts;
    const { consolidate, onMade, now, log } = this.parts;
    const startedMs = performance.now();
    log(`${request.tenant}: ${request.adapter} is being merged into the weights`);
    const { version, gate } = await consolidate({
      ...{ layout, modelsDir, model, threads, niceness, timeoutMs },
      adapters: [request.adapter],
      examples: await this.examplesFor(request),
      now: now(),
      signal: this.closing.signal,
      onProgress: stagesTo(log),
    });
    const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
    log(`${request.tenant}: ${version ?? 'no base version'} after ${took}, gate: ${gate.verdict}`);
    if (version !== null) {
      await this.tellMade(request, version);
      return onMade();
    }
    const failed = failedChecks(gate);
    await this.tellRefused(request, `not passed: ${failed.join('; ')}`, failed);
  }

  /** The latest of what the adapter has learned. */
  private async examplesFor({ tenant, adapter }: ConsolidationRequest) {
    const { lines, layout } = this.parts;
    const rows = rowsOf(await chainOf(layout.adapters, adapter));
    const learned = lines.get(tenant).replay.map(({ example }) => example);
    return learned.filter(({ id }) => rows.has(id)).toReversed();
  }

  /** A version that was made of the adapter before, whole on the disk. A damaged one goes. */
  private async existing({ adapter }: ConsolidationRequest): Promise<string | null> {
    const { modelsDir, model } = this.parts;
    for (const { version, source, gate } of await listBaseVersions(modelsDir, model)) {
      if (source.merged?.at(-1)?.adapter !== adapter || gate?.verdict !== 'pass') continue;
      const isWhole = await openVersion(modelsDir, model, version).then(
        () => true,
        () => false,
      );
      if (isWhole) return version;
      await removeBaseVersion(modelsDir, model, version);
    }
    return null;
  }

  private async reasonAgainst(request: ConsolidationRequest): Promise<string | null> {
    const { layout, model } = this.parts;
    const { tenant, adapter, attempts } = request;
    if (attempts >= maxAttempts) return `it was begun ${attempts} times and never ended`;
    const aliases = await readAliases(layout.aliases);
    const own = aliasesOf(aliases, model, tenant);
    const manifest = await readAdapter(layout.adapters, adapter).catch(() => null);
    if (manifest === null || manifest.base !== servedBase(aliases, model))
      return `${adapter} is not of the base that is served`;
    const chain = await chainOf(layout.adapters, own.stable);
    return chain.some(({ id }) => id === adapter) ? null : `${adapter} is no longer served`;
  }

  private async tellMade(request: ConsolidationRequest, version: string): Promise<void> {
    const { ledger, layout } = this.parts;
    await ledger.tellVersion({ type: 'base', ...this.about(request), version });
    await removeConsolidationRequest(layout);
  }

  private async tellRefused(
    request: ConsolidationRequest,
    reason: string,
    checks: readonly string[],
  ): Promise<void> {
    const { ledger, layout, log } = this.parts;
    log(`${request.tenant}: no base version: ${reason}`);
    await ledger.tellVersion({ type: 'base-refused', ...this.about(request), reason, checks });
    await removeConsolidationRequest(layout);
  }

  private about({ model, tenant, adapter }: ConsolidationRequest) {
    return { at: this.parts.now().toISOString(), model, tenant, adapter };
  }
}

const textOf = (error: unknown): string => messageOf(error);

/** One line a stage. */
function stagesTo(log: (message: string) => void): (progress: ImportProgress) => void {
  let last = '';
  return ({ stage, total }) => {
    if (stage !== last) log(`consolidation: ${stage}, ${total} to do`);
    last = stage;
  };
}
