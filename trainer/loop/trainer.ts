/**
 * The companion process' work, step by step: take in what the feedback log holds, agree with what is served, learn what
 * is due, publish, tell. Whatever is told is on disk before; killed anywhere, it goes on with nothing lost or done twice.
 */
import { readLog } from '../../core/feedback/log-reader.ts';
import { parseLogRecord } from '../../core/feedback/parse-record.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import { type Aliases, aliasesOf, readAliases, type TenantAliases } from '../../core/registry/aliases.ts';
import { failedChecks } from '../../core/registry/gate-record.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import type { CurateLimits } from '../curate/curate.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { ReplayLimits } from '../replay/replay-buffer.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { isSameShape } from '../train/same-shape.ts';
import { adopt, findOrphan } from './adopt.ts';
import type { AttemptOptions } from './attempt.ts';
import { dueTenant } from './due.ts';
import type { LearnInput, LearnOutcome } from './learn.ts';
import type { Ledger } from './ledger.ts';
import type { Line } from './line.ts';
import type { LineStore } from './line-store.ts';
import { type Ground, rebase } from './rebase.ts';
import { reconcile } from './reconcile.ts';
import { takeIn } from './take-in.ts';

export interface TrainerParts {
  readonly model: TrainableModel;
  /** Adapter versions that are in the weights of the model's base. */
  readonly merged: readonly string[];
  readonly layout: LearningLayout;
  readonly lines: LineStore;
  readonly ledger: Ledger;
  readonly options: AttemptOptions & {
    readonly curate: CurateLimits;
    readonly replay: ReplayLimits;
    readonly settleMs: number;
    readonly maxTokens: number;
  };
  /** Values of a version on disk. */
  readonly load: (id: string) => Promise<Parameters>;
  readonly learn: (input: LearnInput) => Promise<LearnOutcome>;
  /** Resolves when a train step may start. */
  readonly pace: () => Promise<void>;
  readonly now: () => Date;
  readonly log: (message: string) => void;
}

/** A tenant whose work has failed waits so long, twice as long after each further time: a disk that was full is soon not. */
const firstPutOffMs = 1_000;
const maxPutOffMs = 60_000;

interface PutOff {
  /** Monotonic: a wall clock may be set back. */
  readonly untilMs: number;
  readonly waitMs: number;
}

export class Trainer {
  private readonly parts: TrainerParts;
  /** Versions never change, nor what they were built on. */
  private readonly chains = new Map<
    string,
    { readonly head: string | null; readonly chain: AdapterManifest[] }
  >();
  /** Tenants whose work has failed: the others go first. */
  private readonly putOff = new Map<string, PutOff>();
  /** Values of the version that was published last. */
  private newest: { readonly id: string; readonly values: Parameters } | null = null;

  constructor(parts: TrainerParts) {
    this.parts = parts;
  }

  /** To be called once, before the first turn: puts lines on the model's base, finishes what a killed trainer has left. */
  async recover(): Promise<void> {
    const { lines, layout, model, options, ledger, now, merged } = this.parts;
    const aliases = await readAliases(layout.aliases);
    const inBase = await rowsLearnedBy(layout.adapters, merged);
    for (const [tenant, line] of Object.entries(lines.all())) {
      const own = aliasesOf(aliases, model.name, tenant);
      const ground = (await this.isOnBase(line)) ? null : await this.groundOf(own, inBase);
      const { line: based, fates } = ground
        ? rebase(line, ground, options.replay, now().getTime())
        : { line, fates: [] };
      await ledger.tellFates(fates, now());
      const orphan = await findOrphan(layout.adapters, tenant, based, model);
      if (orphan === null) await lines.put(tenant, based);
      else {
        await this.tellPublished(tenant, orphan.id, orphan.rows);
        await lines.put(tenant, adopt(based, orphan, options.replay));
      }
    }
  }

  /** Does what there is to do. False when that was nothing. */
  async turn(): Promise<boolean> {
    const tookIn = await this.takeIn();
    const aliases = await readAliases(this.parts.layout.aliases);
    await this.reconcileAll(aliases);
    if (aliases.paused) return tookIn;
    const { options } = this.parts;
    const trigger = { ...options.learn, settleMs: options.settleMs };
    const tenant = dueTenant(Object.fromEntries(this.ready()), trigger, this.parts.now().getTime());
    if (tenant === null) return tookIn;
    await this.orPutOff(tenant, () => this.learn(tenant));
    return true;
  }

  private async takeIn(): Promise<boolean> {
    const { lines, layout, ledger, model, options, now } = this.parts;
    const read = await readLog(layout.feedback, lines.position, parseLogRecord);
    if (read.records.length === 0) return false;
    const changed = new Map<string, Line>();
    const fates = [];
    const planted: { readonly tenant: string; readonly row: string }[] = [];
    for (const { record } of read.records) {
      if (record.type !== 'feedback') continue;
      const line = changed.get(record.tenant) ?? lines.get(record.tenant);
      const limits = options.curate;
      const taken = takeIn(line, record, { model: model.name, limits, nowMs: now().getTime() });
      changed.set(record.tenant, taken.line);
      fates.push(...taken.fates);
      for (const row of taken.learned ?? []) planted.push({ tenant: record.tenant, row });
    }
    await ledger.tellFates(fates, now());
    await this.tellPlanted(planted);
    for (const [tenant, line] of changed) await lines.put(tenant, line);
    await lines.moveTo(read.position);
    return true;
  }

  /** The server takes back what has learned them; reconciling takes them out of the line, and learns the others again. */
  private async tellPlanted(
    planted: readonly { readonly tenant: string; readonly row: string }[],
  ): Promise<void> {
    const { ledger, model, now } = this.parts;
    for (const tenant of new Set(planted.map((each) => each.tenant))) {
      const rows = new Set(planted.filter((each) => each.tenant === tenant).map(({ row }) => row));
      const at = now().toISOString();
      await ledger.tellVersion({ type: 'planted', at, model: model.name, tenant, rows: [...rows] });
    }
  }

  private async reconcileAll(aliases: Aliases): Promise<void> {
    const { lines, ledger, model, now } = this.parts;
    for (const [tenant, line] of this.ready()) {
      const own = aliasesOf(aliases, model.name, tenant);
      if (own.rolledBack.length === 0 && own.undone.length === 0) continue;
      await this.orPutOff(tenant, async () => {
        const changed = reconcile(line, await this.chainOf(tenant, line.head), own, now().getTime());
        if (changed.line === line) return;
        await ledger.tellFates(changed.fates, now());
        await lines.put(tenant, changed.line);
      });
    }
  }

  private async chainOf(tenant: string, head: string | null): Promise<AdapterManifest[]> {
    const known = this.chains.get(tenant);
    if (known?.head === head) return known.chain;
    const chain = await chainOf(this.parts.layout.adapters, head);
    this.chains.set(tenant, { head, chain });
    return chain;
  }

  private ready(): [string, Line][] {
    const nowMs = performance.now();
    const isReady = (tenant: string): boolean => (this.putOff.get(tenant)?.untilMs ?? 0) <= nowMs;
    return Object.entries(this.parts.lines.all()).filter(([tenant]) => isReady(tenant));
  }

  /** One tenant whose files are damaged must not keep the others from learning. */
  private async orPutOff(tenant: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.putOff.delete(tenant);
    } catch (error) {
      const waitMs = Math.min(maxPutOffMs, 2 * (this.putOff.get(tenant)?.waitMs ?? firstPutOffMs / 2));
      this.putOff.set(tenant, { untilMs: performance.now() + waitMs, waitMs });
      throw error;
    }
  }

  private async learn(tenant: string): Promise<void> {
    const { lines, layout, ledger, model, options, pace, now, log } = this.parts;
    const line = lines.get(tenant);
    const startedMs = performance.now();
    const outcome = await this.parts.learn({
      model,
      tenant,
      line,
      start: await this.valuesOf(line.head),
      options,
      replay: options.replay,
      maxTokens: options.maxTokens,
      adapters: layout.adapters,
      pace,
      now,
    });
    const { version, values, gate, rows } = outcome;
    if (version !== null) {
      this.newest = { id: version.id, values: values! };
      await this.tellPublished(tenant, version.id, []);
    } else if (gate !== null) {
      const checks = failedChecks(gate);
      const at = now().toISOString();
      await ledger.tellVersion({ type: 'refused', at, model: model.name, tenant, rows, checks });
    }
    await ledger.tellFates(outcome.fates, now());
    await lines.put(tenant, outcome.line);
    const took = ((performance.now() - startedMs) / 1000).toFixed(1);
    const losses = outcome.losses.map((loss) => loss.toFixed(2)).join(' ');
    const made = version === null ? 'nothing published' : `version ${version.id}`;
    const refused = outcome.refused.map((each) => `, refused for ${failedChecks(each).join(' and ')}`);
    log(`${tenant}: ${rows.length} row(s), ${made}, ${took} s, losses ${losses}${refused.join('')}`);
  }

  private async tellPublished(tenant: string, adapter: string, rows: readonly string[]): Promise<void> {
    const { ledger, model, now } = this.parts;
    const at = now();
    const event = { type: 'published', at: at.toISOString(), adapter, model: model.name, tenant } as const;
    await ledger.tellVersion(event);
    await ledger.tellFates(
      rows.map((id) => ({ id, state: { kind: 'trained', version: adapter } })),
      at,
    );
  }

  /** Of the model's base, and of the shape that is trained. */
  private async isOnBase({ head, base }: Line): Promise<boolean> {
    if (head === null) return (base ?? this.parts.model.version) === this.parts.model.version;
    return (await this.buildableOf(head)) !== null;
  }

  private async groundOf(own: TenantAliases, inBase: ReadonlyMap<string, string>): Promise<Ground> {
    const { layout, model } = this.parts;
    const head = await this.buildableOf(own.stable);
    const held = new Map([...inBase, ...(await rowsLearnedBy(layout.adapters, [head]))]);
    return { base: model.version, head, held, undone: new Set(own.undone) };
  }

  /** The version, if something can be built on it here. */
  private async buildableOf(id: string | null): Promise<string | null> {
    const { layout, model } = this.parts;
    const manifest = id === null ? null : await readAdapter(layout.adapters, id).catch(() => null);
    const fits = manifest?.base === model.version && isSameShape(manifest.shape, model.shape);
    return fits ? id : null;
  }

  private async valuesOf(head: string | null): Promise<Parameters | null> {
    if (head === null) return null;
    return this.newest?.id === head ? this.newest.values : this.parts.load(head);
  }
}

/** Each row that versions and what they were built on have learned, with the version that did. */
async function rowsLearnedBy(
  adapters: string,
  ids: readonly (string | null)[],
): Promise<Map<string, string>> {
  const learned = new Map<string, string>();
  for (const id of ids) {
    // What cannot be read any more is learned again, which does no harm.
    for (const version of await chainOf(adapters, id).catch(() => []))
      for (const row of version.rows) learned.set(row, version.id);
  }
  return learned;
}
