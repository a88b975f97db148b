/** Three real servers with a tiny model, and the Redis that they share. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAll } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { RedisServer } from '../redis/redis-server.ts';
import { until } from '../until.ts';
import { Replica } from './replica.ts';

const names = ['learner', 'first', 'second'] as const;
/** Two looks of the proxies' health checks and more, as docs/proxies.md asks for. */
const drainDelayMs = 2_500;
const carriedMs = 30_000;

export class Fleet {
  readonly replicas: readonly Replica[];
  /** Digest of the model. */
  readonly base: string;
  private readonly root: string;
  private readonly redis: RedisServer;
  private readonly model: TinyModel;

  private constructor(
    root: string,
    { model, base, redis }: { model: TinyModel; base: string; redis: RedisServer },
  ) {
    [this.root, this.redis, this.model, this.base] = [root, redis, model, base];
    this.replicas = names.map((name) => new Replica(name, join(root, name), argsOf(name, model, redis)));
  }

  /** Resolves when all are ready. */
  static async start(): Promise<Fleet> {
    const root = mkdtempSync(join(tmpdir(), 'millrace-fleet-'));
    const model = new TinyModel(root, trainedContext);
    const base = await model.import();
    const fleet = new Fleet(root, { model, base, redis: await RedisServer.start() });
    try {
      await Promise.all(fleet.replicas.map((replica) => replica.start()));
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  get learner(): Replica {
    return this.replicas[0]!;
  }

  /** A version that nobody has learned, at the learner. Returns its id. */
  publish(seed: number): Promise<string> {
    return this.model.publishAdapter(learningLayout(this.learner.learningDir).adapters, this.base, seed);
  }

  /** Of these rows, those that are not in the log of every replica once, after the time that carrying takes. */
  async rowsLost(ids: readonly string[]): Promise<string[]> {
    const missing = async (): Promise<string[]> => {
      const logs = await Promise.all(this.replicas.map(rowsOf));
      return ids.filter((id) => logs.some((rows) => rows.filter((row) => row === id).length !== 1));
    };
    await until(async () => (await missing()).length === 0, 'all rows are everywhere', carriedMs).catch(
      () => null,
    );
    return missing();
  }

  /** At once: for a process that ends. */
  abandon(): void {
    for (const replica of this.replicas) replica.abandon();
    this.redis.signal('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.kill()));
    await this.redis.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Characters of the longest passage that training holds on to, and some. */
const trainedContext = 1_024;

const argsOf = (name: string, { modelsDir }: TinyModel, { url }: RedisServer): readonly string[] => [
  ...['--models-dir', modelsDir, '--model', modelName, '--models-embeddings='],
  ...['--engine-max-context', String(trainedContext), '--engine-threads', '1', '--learning-threads', '1'],
  ...['--server-drain-delay-ms', String(drainDelayMs), '--log-level', 'warn'],
  ...['--cluster-redis-url', url, '--cluster-replica', name, '--cluster-token', 'of the fleet'],
  ...['--cluster-role', name === 'learner' ? 'learner' : 'follower', '--cluster-files-port', '0'],
  ...['--cluster-lock-ms', '1000'],
];

async function rowsOf({ learningDir }: Replica): Promise<string[]> {
  const ids: string[] = [];
  const { feedback } = learningLayout(learningDir);
  for await (const { record } of readAll(feedback, (json) => json as LogRecord))
    if (record.type === 'feedback') ids.push(record.id);
  return ids;
}
