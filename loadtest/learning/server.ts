/** A learning server of our own: started on free ports with an empty learning folder, ended by its process ids. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exchange, openLink } from '../link.ts';
import { processTree, residentMb } from '../processes.ts';
import { pause, until } from '../wait.ts';
import type { Endpoint } from './endpoint.ts';

export interface LearningServer {
  readonly endpoint: Endpoint;
  readonly learningDir: string;
  /** As a shell would take it, without the folders. */
  readonly command: string;
  /** By process. */
  residentMb(): Readonly<Record<string, number>>;
  /** What it said on stderr, the last of it. */
  said(): string;
  stop(): Promise<void>;
}

export interface Account {
  readonly name: string;
  readonly key: string;
}

/** Accounts of one tenant; none: no key is asked for. */
export interface Tenant {
  readonly name: string;
  readonly accounts: readonly Account[];
}

export type StartServer = (tenant: Tenant | null) => Promise<LearningServer>;

export interface Installation {
  readonly modelsDir: string;
  readonly model: string;
  /** Further flags of `millrace serve`. */
  readonly flags: readonly string[];
}

const program = fileURLToPath(new URL('../../server/cli/millrace.js', import.meta.url));
const readyTimeoutMs = 300_000;
const stopTimeoutMs = 20_000;
const maxErrorText = 8_000;
const operatorKey = 'operator-of-the-benchmark';

/** Rejects when the server ends or does not get ready; nothing is left running then. */
export async function startLearningServer(at: Installation, tenant: Tenant | null): Promise<LearningServer> {
  const learningDir = await mkdtemp(join(tmpdir(), 'millrace-learning-'));
  const [port, adminPort] = [await freePort(), await freePort()];
  const args = argumentsOf(at, { port, adminPort, learningDir, tenant });
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-maxErrorText);
  });
  const end = async (): Promise<void> => {
    await endTree(child);
    await rm(learningDir, { recursive: true, force: true });
  };
  let ended: Promise<void> | null = null;
  const stop = (): Promise<void> => (ended ??= end());
  const adminKey = tenant === null ? null : operatorKey;
  const server: LearningServer = {
    endpoint: {
      api: openLink(`http://127.0.0.1:${port}`, adminKey),
      admin: openLink(`http://127.0.0.1:${adminPort}`, adminKey),
      model: at.model,
      tenant: tenant?.name ?? 'anonymous',
    },
    learningDir,
    command: ['millrace', ...args.slice(1)].map((word) => word.replace(/=.*\//, '=')).join(' '),
    residentMb: () => residentMb(child.pid!),
    said: () => errors,
    stop,
  };
  if (await becomesReady(server, child)) return server;
  await stop();
  throw new Error(`The server did not get ready. It wrote:\n${errors}`);
}

function argumentsOf(
  { modelsDir, model, flags }: Installation,
  run: { port: number; adminPort: number; learningDir: string; tenant: Tenant | null },
): string[] {
  const options: Record<string, string | number> = {
    'models-dir': modelsDir,
    model,
    port: run.port,
    'admin-port': run.adminPort,
    'learning-dir': run.learningDir,
    'log-level': 'error',
    ...(run.tenant === null ? {} : { 'auth-keys': keysOf(run.tenant) }),
  };
  return [
    program,
    'serve',
    ...Object.entries(options).map(([name, value]) => `--${name}=${value}`),
    ...flags,
  ];
}

/** JSON is YAML. */
function keysOf({ name: tenant, accounts }: Tenant): string {
  const entries = [
    ...accounts.map(({ name, key }) => ({ name, key, scopes: ['inference'] })),
    { name: 'operator', key: operatorKey, scopes: ['inference', 'versions', 'admin'] },
  ];
  return JSON.stringify(
    entries.map(({ name, key, scopes }) => {
      const sha256 = createHash('sha256').update(key).digest('hex');
      return { name, sha256, scopes, tenant };
    }),
  );
}

async function becomesReady({ endpoint }: LearningServer, child: ChildProcess): Promise<boolean> {
  const ready = await until(
    async () => {
      if (hasEnded(child)) return 'ended';
      const message = { method: 'GET', path: '/health/ready', timeoutMs: 2_000 } as const;
      const status = await exchange(endpoint.api, message).then(
        (reply) => reply.status,
        () => 0,
      );
      return status === 200 ? 'ready' : null;
    },
    { everyMs: 200, maxMs: readyTimeoutMs },
  );
  return ready === 'ready';
}

const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null;

/** The processes that the server started end with it; those that do not are ended too, each by its id. */
async function endTree(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const tree = processTree(child.pid!);
  child.kill('SIGTERM');
  const isAllGone = async (): Promise<true | null> => (tree.some(alive) ? null : true);
  await until(isAllGone, { everyMs: 100, maxMs: stopTimeoutMs });
  for (const pid of tree.filter(alive)) process.kill(pid, 'SIGKILL');
  await pause(100);
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
