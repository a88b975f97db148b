/** rediss:// through TLS, with a certificate made for the test: trusted it works, and not trusted it does not. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { RedisLink, type RedisLinkOptions } from '../../server/redis/redis-link.ts';
import { repoRoot } from '../root.ts';
import { until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';

const noTools: string | false =
  noRedis || (spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed');

const useLink = `
  import { RedisLink } from './dist/server/redis/redis-link.js';
  const options = { name: 'tls', client: 'test', commandMs: 1000, random: Math.random };
  const link = new RedisLink({ ...options, url: process.argv[1] });
  for (let i = 0; i < 500 && !link.state().isUp; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(await link.run((redis) => redis.set(link.key('a'), 'b')));
  await link.close();
`;

describe('Redis over TLS', { skip: noTools }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  let redis: RedisServer;
  let front: Server;
  before(async () => {
    const made = spawnSync('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        keyFile,
        '-out',
        certFile,
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ]);
    assert.equal(made.status, 0, String(made.stderr));
    redis = await RedisServer.start({ password: 'pass' });
    front = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, (near) => {
      const far = connect(redis.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    front.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    await new Promise((resolve) => front.close(resolve));
    await redis.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const urlOf = (): string => `rediss://:pass@localhost:${(front.address() as { port: number }).port}`;

  test('works where the certificate is trusted', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', useLink, urlOf()], {
      cwd: repoRoot,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: certFile },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(said.trim(), 'OK');
    assert.equal(code, 0);
  });

  test('is refused where it is not', async () => {
    const options: Omit<RedisLinkOptions, 'url'> = {
      name: 'tls',
      client: 'test',
      commandMs: 250,
      random: Math.random,
    };
    const link = new RedisLink({ ...options, url: urlOf() });
    try {
      await until(() => link.state().lastError !== null, 'the attempt fails');
      assert.equal(link.state().isUp, false);
      assert.match(link.state().lastError!, /certificate/);
    } finally {
      await link.close();
    }
  });
});
