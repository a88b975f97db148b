/** Real proxies, started with the configurations that docs/proxies.md shows. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repoRoot } from '../root.ts';

export interface ProxyKind {
  readonly name: 'nginx' | 'haproxy' | 'envoy';
  /** Of the block in the page. */
  readonly language: string;
  readonly version: readonly string[];
  /** A whole configuration, from what the page shows. */
  readonly whole: (shown: string, folder: string) => string;
  readonly args: (path: string) => readonly string[];
}

export const proxyKinds: readonly ProxyKind[] = [
  {
    name: 'nginx',
    language: 'nginx',
    version: ['-v'],
    whole: (shown, folder) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const paths = temporary.map((of) => `${of}_temp_path ${folder}/${of};`).join(' ');
      return `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events {} http { access_log off; ${paths} ${shown} }`;
    },
    args: (path) => ['-c', path],
  },
  {
    name: 'haproxy',
    language: 'haproxy',
    version: ['-v'],
    whole: (shown) => `global\n    maxconn 1000\n${shown}`,
    args: (path) => ['-db', '-f', path],
  },
  {
    name: 'envoy',
    language: 'yaml',
    version: ['--version'],
    whole: (shown) => shown,
    args: (path) => ['--disable-hot-restart', '--log-level', 'warn', '--concurrency', '1', '-c', path],
  },
];

/** Why it cannot be tried; null where it can. */
export function reasonToSkip({ name, version }: ProxyKind): string | null {
  const { error, status } = spawnSync(name, [...version], { timeout: 10_000 });
  return error === undefined && status === 0 ? null : `${name} is not installed`;
}

export interface RunningProxy {
  readonly port: number;
  stop(): Promise<void>;
}

const startMs = 10_000;
const stopMs = 5_000;

/** In front of as many replicas as there are ports. Resolves when it accepts connections. */
export async function startProxy(kind: ProxyKind, replicas: readonly number[]): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-proxy-'));
  const port = await freePort();
  const path = join(folder, 'config.yaml');
  writeFileSync(path, kind.whole(configurationOf(kind, port, replicas), folder));
  const child = spawn(kind.name, [...kind.args(path)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => void (said += bytes));
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true });
  };
  const deadlineMs = performance.now() + startMs;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop();
      throw new Error(`${kind.name} did not start: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, stop };
}

/** What the page shows, with these ports; the line of the second replica is there once for each beyond the first. */
function configurationOf({ language }: ProxyKind, port: number, replicas: readonly number[]): string {
  const [first, ...others] = replicas;
  const page = readFileSync(join(repoRoot, 'docs', 'proxies.md'), 'utf8');
  const shown = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1];
  if (shown === undefined) throw new Error(`docs/proxies.md has no block of ${language}`);
  const linesOf = (line: string): string[] =>
    /\b8090\b/.test(line) ? others.map((other, index) => ofReplica(line, other, index)) : [line];
  return shown
    .split('\n')
    .flatMap(linesOf)
    .join('\n')
    .replace(/\b8000\b/g, String(port))
    .replace(/\b8080\b/g, String(first));
}

/** HAProxy's servers have names. */
const ofReplica = (line: string, port: number, index: number): string =>
  line.replace(/\b8090\b/g, String(port)).replace('server two ', `server two${index} `);

/** Nothing listens there now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function accepts(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/live`, {
    signal: AbortSignal.timeout(1_000),
  }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.ok ?? false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await gone;
  clearTimeout(timer);
}
