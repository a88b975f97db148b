/** The real program, besieged: what it listens on, no descriptors left, many requests of all kinds. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { serveLearning } from './learning-server.ts';
import { canTellListeners, listenersOf, processTree } from './listening.ts';
import { type Served, serve } from './program.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-siege-'));
after(() => rmSync(root, { recursive: true, force: true }));
const nullModel = ['--model', 'null', '--models-embeddings=', '--port', '0', '--admin-port', '0'];
const startMs = 30_000;

async function ask(
  { url }: Served,
  more: object = {},
  signal = AbortSignal.timeout(10_000),
): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'null', prompt: 'hello', max_tokens: 8, ...more }),
    signal,
  });
}

const statusOf = async (served: Served): Promise<number> => {
  const answer = await ask(served);
  await answer.text();
  return answer.status;
};

const skipListeners = canTellListeners ? false : 'this system has no /proc/net';

test('T32 a server with its trainer listens on the two addresses that it says, and on no other', {
  skip: skipListeners,
}, async () => {
  const model = new TinyModel(join(root));
  await model.import();
  const folders = ['--models-dir', model.modelsDir, '--learning-dir', join(root, 'state')];
  const size = ['--engine-max-context', '128', '--engine-threads', '1'];
  const server = await serveLearning(['--model', modelName, '--models-embeddings=', ...folders, ...size]);
  try {
    const { trainer } = await server.get<{ trainer: { pid: number } }>('/admin/learning');
    const tree = processTree(server.pid);
    assert.ok(tree.includes(trainer.pid), 'the trainer is one of its processes');
    assert.ok(tree.length >= 3, 'and so is the engine host');
    const own = [server.url, server.adminUrl].map((url) => `tcp ${new URL(url).host}`).sort();
    assert.deepEqual(listenersOf(tree), own);
    assert.ok(own.every((address) => address.startsWith('tcp 127.0.0.1:')));
  } finally {
    await server.kill('SIGKILL');
  }
});

/** Loading the program needs some hundreds at once. */
const maxOpenFiles = 400;
const skipFiles = existsSync('/bin/sh') ? false : 'this system has no /bin/sh';

test('T41 out of file descriptors the server lives, and serves when there are some again', {
  skip: skipFiles,
}, async () => {
  const served = await serve(nullModel, { cwd: root, startMs, maxOpenFiles });
  const sockets: Socket[] = [];
  try {
    assert.equal(await statusOf(served), 200);
    const { port } = new URL(served.url);
    for (let n = 0; n < maxOpenFiles + 200; n++)
      sockets.push(connect(Number(port), '127.0.0.1').on('error', () => {}));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const folder = `/proc/${served.child.pid}/fd`;
    if (existsSync(folder)) assert.ok(readdirSync(folder).length >= maxOpenFiles - 1, 'there were more left');
    assert.equal(served.child.exitCode, null, served.said());
    for (const socket of sockets) socket.destroy();
    const endMs = performance.now() + 10_000;
    while ((await statusOf(served).catch(() => 0)) !== 200) {
      assert.ok(performance.now() < endMs, served.said());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    served.child.kill('SIGTERM');
    assert.equal(await served.exit, 0, served.said());
  }
});

const skipMemory = existsSync('/proc/self/status')
  ? false
  : 'this system does not tell the memory of a process';

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024;
}

/** Whole answers, streams, streams that are left, refusals and nonsense. */
async function oneOfMany(served: Served, index: number): Promise<void> {
  if (index % 5 === 0) await (await ask(served, { stream: true, max_tokens: 64 })).text();
  else if (index % 5 === 1)
    await ask(served, { stream: true, max_tokens: 512 }).then((answer) => answer.body!.cancel());
  else if (index % 5 === 2) await (await ask(served, { n: 1e6 })).text();
  else if (index % 5 === 3)
    await (await ask(served, { prompt: `${'x'.repeat(1_000)}${index}`, user: String(index) })).text();
  else {
    const answer = await fetch(`${served.url}/v1/x${index}`, { method: 'POST', body: '{' });
    await answer.text();
  }
}

test('T42 a thousand requests more need no megabyte more', {
  skip: skipMemory,
  timeout: 240_000,
}, async (context) => {
  const served = await serve([...nullModel, '--log-level', 'warn'], { cwd: root, startMs });
  try {
    const round = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 20)
        await Promise.all(Array.from({ length: 20 }, (_, index) => oneOfMany(served, done + index)));
    };
    await round(8_000);
    const sizes: number[] = [];
    for (let n = 0; n < 8; n++) {
      await round(500);
      sizes.push(residentBytes(served.child.pid!));
    }
    // Collections come when they come: the smallest of the later half is held against the smallest of the earlier one.
    const [earlier, later] = [Math.min(...sizes.slice(0, 4)), Math.min(...sizes.slice(4))];
    const perThousand = (later - earlier) / 2;
    context.diagnostic(`${sizes.map((size) => (size / 2 ** 20).toFixed(1)).join(', ')} MiB`);
    assert.ok(perThousand < 2 ** 20, `${(perThousand / 2 ** 20).toFixed(2)} MiB more`);
    const metrics = await (await fetch(`${served.url}/metrics`)).text();
    assert.match(metrics, /^millrace_running_sequences\S* 0$/m);
  } finally {
    served.child.kill('SIGTERM');
    await served.exit;
  }
});
