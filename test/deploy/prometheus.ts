/** A real Prometheus that scrapes one server, as the chart's ServiceMonitor would have it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../e2e/learning-server.ts';
import { freePort } from '../redis/redis-server.ts';

export const noPrometheus: string | false =
  spawnSync('prometheus', ['--version']).status === 0 ? false : 'prometheus is not installed';

const startMs = 30_000;
const answerMs = 5_000;
const stopMs = 10_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

export class Prometheus {
  private readonly url: string;
  private readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(url: string, folder: string, child: ChildProcess) {
    this.url = url;
    this.folder = folder;
    this.child = child;
  }

  /** Asks `target`, "host:port", once a second; its series have these labels. */
  static async start(target: string, labels: Readonly<Record<string, string>>): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets: [target], labels }] }],
    };
    const file = join(folder, 'prometheus.yaml');
    writeFileSync(file, JSON.stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: 'ignore' },
    );
    const prometheus = new Prometheus(`http://${address}`, folder, child);
    try {
      await until('prometheus is ready', startMs, () => prometheus.isReady());
      return prometheus;
    } catch (error) {
      await prometheus.close();
      throw error;
    }
  }

  /** Of an expression, at this moment. Throws with what Prometheus says of one that it does not take. */
  async query(expression: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const answer = await fetch(`${this.url}/api/v1/query`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(answerMs),
    });
    const { status, error, data } = (await answer.json()) as {
      status: string;
      error?: string;
      data: { result: Sample[] };
    };
    if (status !== 'success') throw new Error(`${expression}: ${error}`);
    return data.result;
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((resolve) => this.child.once('exit', resolve));
      const timer = setTimeout(() => this.child.kill('SIGKILL'), stopMs);
      this.child.kill('SIGTERM');
      await gone;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    return fetch(`${this.url}/-/ready`, { signal: AbortSignal.timeout(answerMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
