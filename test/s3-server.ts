/** A real server of S3's protocol, of whichever kind is installed, for tests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePort } from './redis/redis-server.ts';

interface Kind {
  readonly program: string;
  /** Refuses what is signed with another secret, or is not what its digest says. */
  readonly checks: boolean;
  args(folder: string, port: number): string[];
}

const kinds: readonly Kind[] = [
  {
    program: 'minio',
    checks: true,
    args: (folder, port) => ['server', folder, '--address', `127.0.0.1:${port}`, '--console-address', ':0'],
  },
  { program: 'moto_server', checks: false, args: (_, port) => ['-H', '127.0.0.1', '-p', String(port)] },
  {
    program: 'gofakes3',
    checks: false,
    args: (_, port) => ['-backend', 'mem', '-host', `127.0.0.1:${port}`],
  },
];

export const s3Keys = { accessKeyId: 'millracetest', secretAccessKey: 'a secret of the test' } as const;

/** A program's path in MILLRACE_TEST_S3, or else the first of the kinds that is on the path. */
function find(): { readonly kind: Kind; readonly path: string } | null {
  const given = process.env.MILLRACE_TEST_S3;
  for (const kind of kinds) {
    const path = given ?? kind.program;
    if (basename(path) === kind.program && spawnSync(path, ['--help']).error === undefined)
      return { kind, path };
  }
  return null;
}

const found = find();

/** Why the tests with a server of S3 are skipped; false where they run. */
export const noS3: string | false =
  found === null && `no server of S3 is installed (${kinds.map(({ program }) => program).join(', ')})`;

const startMs = 20_000;

export class S3Server {
  readonly endpoint: string;
  readonly checks = found!.kind.checks;
  private readonly child: ChildProcess;
  private readonly folder: string;

  private constructor(port: number) {
    this.folder = mkdtempSync(join(tmpdir(), 's3-'));
    this.endpoint = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env,
      MINIO_ROOT_USER: s3Keys.accessKeyId,
      MINIO_ROOT_PASSWORD: s3Keys.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    };
    this.child = spawn(found!.path, found!.kind.args(this.folder, port), { stdio: 'ignore', env });
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await freePort());
    const endMs = Date.now() + startMs;
    while (!(await server.answers())) {
      if (server.child.exitCode !== null || Date.now() > endMs) {
        await server.close();
        throw new Error(`${found!.path} did not start`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGKILL')) await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private answers(): Promise<boolean> {
    return fetch(this.endpoint, { signal: AbortSignal.timeout(1_000) }).then(
      () => true,
      () => false,
    );
  }
}
