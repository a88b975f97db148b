import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { baseFolderName } from '../../core/registry/manifest.ts';
import { until } from '../../test/until.ts';
import { FetchedVersions, type FetchedVersionsOptions } from './fetched-versions.ts';
import { HttpVersionFiles } from './http-version-files.ts';
import type { VersionFiles } from './version-files.ts';
import { addAdapter, addBase, foldersAt, interrupted } from './version-fixtures.ts';
import type { VersionFolders } from './version-folders.ts';
import { openVersionServer, type VersionServer } from './version-server.ts';
import { VolumeVersions } from './volume-versions.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-versions-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolders = (): VersionFolders => foldersAt(join(root, String(numFolders++)));

const token = 'a token of the deployment';
const serve = (folders: VersionFolders, port = 0): Promise<VersionServer> =>
  openVersionServer({
    folders,
    host: '127.0.0.1',
    port,
    token,
    maxConnections: 8,
    idleMs: 2_000,
    onProblem: assert.fail,
  });

const over = (port: number, sent = token): HttpVersionFiles =>
  new HttpVersionFiles({ baseUrl: () => `http://127.0.0.1:${port}`, token: sent });

function fetching(
  folders: VersionFolders,
  files: VersionFiles,
  change: Partial<FetchedVersionsOptions> = {},
): FetchedVersions {
  return new FetchedVersions({ folders, files, maxTries: 4, idleMs: 1_000, firstBackOffMs: 10, ...change });
}

const failsWith =
  (code: string, text = '') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(text), error.message);
    return true;
  };

/** Nothing that was begun lies about. */
const leftovers = ({ adapters, modelsDir }: VersionFolders): string[] =>
  [...readdirSync(adapters), ...readdirSync(modelsDir)].filter((name) => name.startsWith('.'));

test('an adapter comes with what it was built on, checked, and in one piece; a base, too; what is there is not fetched', async () => {
  const [there, here] = [newFolders(), newFolders()];
  const parent = await addAdapter(there, 'parent');
  const child = await addAdapter(there, 'child', { parent });
  const version = await addBase(there);
  const server = await serve(there);
  const source = fetching(here, over(server.port));
  await Promise.all([
    source.ensure({ kind: 'adapter', id: child }),
    source.ensure({ kind: 'adapter', id: child }),
    source.ensure({ kind: 'adapter', id: parent }),
  ]);
  for (const id of [parent, child]) {
    await openAdapter(here.adapters, id);
    for (const name of readdirSync(join(there.adapters, id)))
      assert.deepEqual(
        readFileSync(join(here.adapters, id, name)),
        readFileSync(join(there.adapters, id, name)),
      );
  }
  assert.equal(source.numFetched, 2);
  await source.ensure({ kind: 'base', model: 'tiny', version });
  const name = baseFolderName('tiny', version);
  assert.deepEqual(
    readdirSync(join(here.modelsDir, name)).sort(),
    readdirSync(join(there.modelsDir, name)).sort(),
  );
  await source.ensure({ kind: 'base', model: 'tiny', version });
  assert.equal(source.numFetched, 3);
  assert.equal(source.numBytes, 2 * 10_100 + 20_500);
  assert.deepEqual(leftovers(here), []);
  await assert.rejects(
    source.ensure({ kind: 'adapter', id: '0'.repeat(12) }),
    failsWith('version_not_found'),
  );
  await server.close();
});

test('a server that is killed in the midst is gone on with at the byte that was got to', async () => {
  const [there, here] = [newFolders(), newFolders()];
  const bytes = 8 * 2 ** 20;
  const id = await addAdapter(there, 'large', { bytes });
  const entry = `
    import { openVersionServer } from ${JSON.stringify(new URL('./version-server.js', import.meta.url).href)};
    const [folders, port, token] = process.argv.slice(-3);
    const server = await openVersionServer({ folders: JSON.parse(folders), host: '127.0.0.1', port: Number(port),
      token, maxConnections: 8, idleMs: 2_000, onProblem: console.error });
    process.stdout.write(server.port + '\\n');`;
  const startServer = async (port: number) => {
    const args = ['--input-type=module', '-e', entry, JSON.stringify(there), String(port), token];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, port: Number(said.toString()) };
  };
  let server = await startServer(0);
  const files = interrupted(over(server.port), bytes / 2, async () => {
    const ended = once(server.child, 'exit');
    server.child.kill('SIGKILL');
    await ended;
    server = await startServer(server.port);
  });
  const source = fetching(here, files);
  await source.ensure({ kind: 'adapter', id });
  await openAdapter(here.adapters, id);
  assert.equal(source.numBytes, bytes + 100, 'no byte came twice');
  server.child.kill('SIGKILL');
});

test('a follower that is killed in the midst goes on after its start at the byte that it got to', async () => {
  const [there, here] = [newFolders(), newFolders()];
  const bytes = 4 * 2 ** 20;
  const id = await addAdapter(there, 'large', { bytes });
  const server = await serve(there);
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const entry = `
    import { FetchedVersions } from ${url('./fetched-versions.js')};
    import { HttpVersionFiles } from ${url('./http-version-files.js')};
    const [folders, port, token, id] = process.argv.slice(-4);
    const files = new HttpVersionFiles({ baseUrl: () => 'http://127.0.0.1:' + port, token });
    const read = files.read.bind(files);
    let bytes = 0;
    files.read = async (...args) => {
      const { from, chunks } = await read(...args);
      return { from, chunks: (async function* () {
        for await (const chunk of chunks) {
          yield chunk;
          bytes += chunk.length;
          if (bytes > 1_000_000) { process.stdout.write('here'); await new Promise(() => setInterval(() => {}, 1_000)); }
        }
      })() };
    };
    const source = new FetchedVersions({ folders: JSON.parse(folders), files, maxTries: 1, idleMs: 60_000, firstBackOffMs: 10 });
    await source.ensure({ kind: 'adapter', id });`;
  const args = ['--input-type=module', '-e', entry, JSON.stringify(here), String(server.port), token, id];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.ok(!readdirSync(here.adapters).includes(id), 'half of it is not found');
  const got = statSync(join(here.adapters, `.fetching-${id}`, 'adapter.bin')).size;
  assert.ok(got > 1_000_000 && got < bytes, `${got}`);
  const source = fetching(here, over(server.port));
  await source.sweep(Date.now());
  await source.ensure({ kind: 'adapter', id });
  await openAdapter(here.adapters, id);
  assert.equal(source.numBytes, bytes + 100 - got);
  assert.deepEqual(leftovers(here), []);
  await server.close();
});

test('a file that is longer, shorter, another one or damaged on the way is refused, after a bounded number of tries', async () => {
  const there = newFolders();
  const id = await addAdapter(there, 'honest');
  const manifest = readFileSync(join(there.adapters, id, 'manifest.json'));
  const honest = readFileSync(join(there.adapters, id, 'adapter.bin'));
  const damaged = Buffer.from(honest);
  damaged[5_000]! ^= 1;
  const lies: readonly [string, Buffer, string][] = [
    ['longer', Buffer.concat([honest, honest]), 'goes on beyond'],
    ['shorter', honest.subarray(0, 700), 'ended after'],
    ['damaged', damaged, 'SHA-256'],
  ];
  for (const [name, body, text] of lies) {
    const here = newFolders();
    let numAsked = 0;
    const server = await listening((request, response) => {
      if (request.url!.endsWith('manifest.json')) return response.end(manifest);
      if (!request.url!.endsWith('.bin'))
        return response.end(readFileSync(join(there.adapters, id, 'adapter_config.json')));
      numAsked++;
      const from = Number(/bytes=(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const head = from === 0 ? {} : { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
      response.writeHead(from === 0 ? 200 : 206, head).end(body.subarray(from));
    });
    const source = fetching(here, over(server.port));
    await assert.rejects(
      source.ensure({ kind: 'adapter', id }),
      failsWith('version_fetch_failed', text),
      name,
    );
    assert.equal(numAsked, 4, name);
    assert.ok(!readdirSync(here.adapters).includes(id), name);
    server.close();
  }
});

test('a manifest of another version, or one that was changed, is refused', async () => {
  const there = newFolders();
  const [id, other] = [await addAdapter(there, 'one'), await addAdapter(there, 'other')];
  const text = readFileSync(join(there.adapters, other, 'manifest.json'), 'utf8');
  for (const body of [text, text.replace(other, id), '{', '[]', 'x'.repeat(2 ** 21)]) {
    const here = newFolders();
    const server = await listening((_, response) => response.end(body));
    const source = fetching(here, over(server.port), { maxTries: 1 });
    await assert.rejects(source.ensure({ kind: 'adapter', id }), (error) =>
      failsWith(body.length > 2 ** 20 ? 'version_fetch_failed' : 'version_invalid')(error),
    );
    assert.deepEqual(readdirSync(here.adapters), []);
    server.close();
  }
});

test('a source that is away, does not answer, or stops in the midst is given up within its deadlines', async () => {
  const there = newFolders();
  const id = await addAdapter(there, 'one');
  const ref = { kind: 'adapter' as const, id };
  const here = newFolders();
  const closed = await serve(there);
  await closed.close();
  const nowhere = new HttpVersionFiles({ baseUrl: () => null, token });
  const silent = await listening(() => {});
  const stalls = await listening((request, response) => {
    const name = request.url!.split('/').at(-1)!;
    const bytes = readFileSync(join(there.adapters, id, name));
    if (name === 'manifest.json') response.end(bytes);
    else response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 10));
  });
  for (const files of [over(closed.port), nowhere, over(silent.port), over(stalls.port)]) {
    const source = fetching(here, files, { maxTries: 2, idleMs: 200 });
    const beginMs = performance.now();
    await assert.rejects(source.ensure(ref), failsWith('version_fetch_failed', '2 tries'));
    assert.ok(performance.now() - beginMs < 3_000);
  }
  const source = fetching(here, over(stalls.port), { maxTries: 50, idleMs: 300 });
  const waiting = assert.rejects(source.ensure(ref), /is stopping/);
  setTimeout(() => void source.close(), 100);
  await waiting;
  silent.close();
  stalls.close();
});

test('a disk that is full is told, and nothing half-written stays', async (context) => {
  if (spawnSync('bash', ['-c', 'true']).status !== 0)
    return context.skip('bash is needed to limit the size of files');
  const [there, here] = [newFolders(), newFolders()];
  const id = await addAdapter(there, 'large', { bytes: 200_000 });
  const server = await serve(there);
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const entry = `
    import { FetchedVersions } from ${url('./fetched-versions.js')};
    import { HttpVersionFiles } from ${url('./http-version-files.js')};
    const [folders, port, token, id] = process.argv.slice(-4);
    const files = new HttpVersionFiles({ baseUrl: () => 'http://127.0.0.1:' + port, token });
    const source = new FetchedVersions({ folders: JSON.parse(folders), files, maxTries: 3, idleMs: 5_000, firstBackOffMs: 10 });
    await source.ensure({ kind: 'adapter', id }).catch((error) => process.stdout.write(error.code + ' ' + error.message));`;
  // Files may have 64 KiB here.
  const script = 'ulimit -f 64; trap "" XFSZ; exec "$@"';
  const args = ['-c', script, '-', process.execPath, '--input-type=module', '-e', entry];
  const child = spawn('bash', [...args, JSON.stringify(here), String(server.port), token, id]);
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  await once(child, 'close');
  assert.match(said, /^version_fetch_failed .*the disk is full \(EFBIG\)/);
  assert.deepEqual(readdirSync(here.adapters), []);
  await server.close();
});

test('what was begun and left for a day is removed, and what is newer is not', async () => {
  const here = newFolders();
  for (const [name, ageMs] of [
    ['.fetching-old', 25 * 3_600_000],
    ['.fetching-new', 60_000],
  ] as const) {
    mkdirSync(join(here.adapters, name));
    const then = new Date(Date.now() - ageMs);
    utimesSync(join(here.adapters, name), then, then);
  }
  await fetching(here, over(1)).sweep(Date.now());
  assert.deepEqual(readdirSync(here.adapters), ['.fetching-new']);
});

test('files that lie in the way, or that were cut off wrongly, do no harm', async () => {
  const [there, here] = [newFolders(), newFolders()];
  const id = await addAdapter(there, 'one');
  const aside = join(here.adapters, `.fetching-${id}`);
  mkdirSync(join(aside, 'folder'), { recursive: true });
  writeFileSync(join(aside, 'stranger'), 'x');
  writeFileSync(join(aside, 'adapter.bin'), 'not its beginning');
  mkdirSync(join(here.adapters, id));
  const server = await serve(there);
  const source = fetching(here, over(server.port));
  await source.ensure({ kind: 'adapter', id });
  await openAdapter(here.adapters, id);
  assert.deepEqual(readdirSync(join(here.adapters, id)).sort(), [
    'adapter.bin',
    'adapter_config.json',
    'manifest.json',
  ]);
  await server.close();
});

test('in a shared folder a version is waited for, and not for ever', async () => {
  const folders = newFolders();
  const parent = await addAdapter(folders, 'parent');
  const elsewhere = newFolders();
  const id = await addAdapter(elsewhere, 'late', { parent });
  const source = new VolumeVersions({ folders, maxWaitMs: 2_000 });
  setTimeout(() => void addAdapter(folders, 'late', { parent }), 300);
  await source.ensure({ kind: 'adapter', id });
  const short = new VolumeVersions({ folders, maxWaitMs: 150 });
  await assert.rejects(
    short.ensure({ kind: 'adapter', id: '0'.repeat(12) }),
    failsWith('version_fetch_failed', '150 ms'),
  );
});

test('the server gives nothing away without its token, outside of a manifest, or by any other path', async () => {
  const there = newFolders();
  const id = await addAdapter(there, 'one');
  writeFileSync(join(there.adapters, id, 'secret.txt'), 'not listed');
  writeFileSync(join(there.adapters, 'secret.txt'), 'not a version');
  const server = await serve(there);
  const base = `/versions/adapters/${id}`;
  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const authorization = `Bearer ${token}`;
    const child = await raw(server.port, method, path, { authorization, ...headers });
    return child;
  };
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `bearer ${token}`,
    token,
    `Basic ${token}`,
  ])
    assert.equal((await ask(`${base}/manifest.json`, { authorization })).status, 401, authorization);
  for (const path of [
    `${base}/secret.txt`,
    `${base}/../secret.txt`,
    `${base}/%2e%2e/secret.txt`,
    `${base}/..%2fsecret.txt`,
    `${base}/`,
    base,
    '/versions/adapters/../secret.txt',
    '/versions/adapters//manifest.json',
    `${base}/./manifest.json`,
    `${base}/manifest.json?x`,
    `//versions/adapters/${id}/manifest.json`,
    '/',
    '/versions',
    `/versions/bases/../${id}/manifest.json`,
    `/versions/bases/tiny/${'0'.repeat(64)}/manifest.json`,
    `${base}/adapter.bin%00`,
    `${base}/adapter.bin\\x`,
    `http://elsewhere${base}/manifest.json`,
  ])
    assert.equal((await ask(path)).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await ask(`${base}/manifest.json`, {}, method)).status, 405, method);
  const whole = await ask(`${base}/adapter.bin`);
  const file = readFileSync(join(there.adapters, id, 'adapter.bin'));
  assert.equal(whole.status, 200);
  assert.deepEqual(whole.body, file);
  const { sha256 } = (await openAdapter(there.adapters, id)).files.find(
    ({ path }) => path === 'adapter.bin',
  )!;
  assert.equal(whole.headers.etag, `"${sha256}"`);
  assert.equal((await ask(`${base}/adapter.bin`, { 'if-none-match': `"${sha256}"` })).status, 304);
  const head = await ask(`${base}/adapter.bin`, {}, 'HEAD');
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '10000', 0]);
  const ranges: readonly [string, number, Buffer][] = [
    ['bytes=0-0', 206, file.subarray(0, 1)],
    ['bytes=9990-', 206, file.subarray(9_990)],
    ['bytes=-3', 206, file.subarray(9_997)],
    ['bytes=10-19', 206, file.subarray(10, 20)],
    ['bytes=5-99999', 206, file.subarray(5)],
    ['bytes=10000-', 416, Buffer.alloc(0)],
    ['bytes=0-1,5-6', 200, file],
    ['bytes=7-3', 200, file],
    ['lines=1-2', 200, file],
  ];
  for (const [range, status, body] of ranges) {
    const got = await ask(`${base}/adapter.bin`, { range });
    assert.equal(got.status, status, range);
    assert.deepEqual(got.body, body, range);
  }
  assert.equal((await ask(`${base}/adapter.bin`, { range: 'bytes=1-2', 'if-range': '"other"' })).status, 200);
  truncateSync(join(there.adapters, id, 'adapter.bin'), 9_000);
  await server.close();
});

test('a reader that takes nothing is cut off, and no more connections are taken than are allowed', async () => {
  const there = newFolders();
  const id = await addAdapter(there, 'large', { bytes: 32 * 2 ** 20 });
  const server = await openVersionServer({
    folders: there,
    host: '127.0.0.1',
    port: 0,
    token,
    maxConnections: 2,
    idleMs: 300,
    onProblem: () => {},
  });
  const { connect } = await import('node:net');
  const slow = [0, 1].map(() => {
    const socket = connect(server.port, '127.0.0.1');
    socket.pause();
    socket.on('error', () => {});
    socket.write(
      `GET /versions/adapters/${id}/adapter.bin HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const third = connect(server.port, '127.0.0.1');
  third.on('error', () => {});
  third.resume();
  await once(third, 'close');
  // There is room for others again as soon as the two are cut off.
  const small = `/versions/adapters/${id}/adapter_config.json`;
  const hasRoom = (): Promise<boolean> =>
    raw(server.port, 'GET', small, { authorization: `Bearer ${token}` }).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until(hasRoom, 'the first two are cut off', 10_000);
  let numBytes = 0;
  for (const socket of slow) {
    socket.on('data', (bytes) => {
      numBytes += bytes.length;
    });
    socket.resume();
  }
  await Promise.all(slow.map((socket) => once(socket, 'close')));
  assert.ok(numBytes < 2 * 32 * 2 ** 20, 'they did not get all of it');
  await server.close();
});

test('a token is needed, and a port in use is told', async () => {
  const folders = newFolders();
  const options = {
    folders,
    host: '127.0.0.1',
    port: 0,
    token: '',
    maxConnections: 1,
    idleMs: 100,
    onProblem: () => {},
  };
  await assert.rejects(openVersionServer(options), /token/);
  const server = await serve(folders);
  await assert.rejects(serve(folders, server.port), failsWith('invalid_argument', 'EADDRINUSE'));
  await server.close();
});

async function listening(answer: RequestListener) {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The path as it is, which fetch would change. */
async function raw(port: number, method: string, path: string, headers: Record<string, string>) {
  const { request } = await import('node:http');
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) };
}
