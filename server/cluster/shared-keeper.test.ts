import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import type { FeedbackRequest } from '../feedback/feedback-request.ts';
import { type Keeper, openKeeper } from '../feedback/keeper.ts';
import { FakeShelf } from './fake-shelf.ts';
import { sharedKeeper } from './shared-keeper.ts';
import { SharedResponses } from './shared-responses.ts';
import type { Shelf } from './shelf.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-shared-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const keepMs = 3_600_000;

interface Replica {
  readonly keeper: Keeper;
  readonly responses: SharedResponses;
}

async function start(origin: string, shelf: Shelf, maxCharacters = 10_000): Promise<Replica> {
  const responses = new SharedResponses({ shelf, keepMs, maxCharacters, now: Date.now });
  const keeper = await openKeeper(
    {
      folders: learningLayout(join(root, String(numFolders++))),
      responses: { keepMs, totalBytes: 1e8, maxResponses: 1_000 },
      log: { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 1_000 },
      maxIndexed: 1_000,
      origin,
    },
    { onKept: (response) => responses.put(response) },
  );
  return { keeper: sharedKeeper(keeper, responses, () => {}), responses };
}

const newShelf = (): FakeShelf => new FakeShelf(100, () => performance.now());

const responseOf = (id: string, answer = `answer ${id}, said to bob@example.com`) => ({
  id,
  createdMs: Date.now(),
  tenant: 'acme',
  account: 'who-asked',
  model: 'tiny',
  version: 'v1@base',
  arm: 'canary',
  conversation: 'c0ffee',
  context: { kind: 'chat' as const, messages: [{ role: 'user' as const, content: `question ${id}` }] },
  answers: [answer],
});

const feedbackOn = (responseId: string, tenant = 'acme', choice = 0): FeedbackRequest => ({
  tenant,
  account: 'alice',
  subject: { kind: 'response', responseId, choice, remark: { kind: 'correction', text: 'better' } },
  idempotency: null,
});

/** Waits for what `keep` has begun. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

const failsWith = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

test('feedback may come to a replica that did not give the answer, and is attributed as if it had', async () => {
  const shelf = newShelf();
  const [a, b] = [await start('a', shelf), await start('b', shelf)];
  a.keeper.keep(responseOf('r1'));
  await settled();
  assert.ok(!(await shelf.get('r1'))!.includes('bob@example.com'), 'no personal data is on the shelf');
  const record = await b.keeper.call('feedback', feedbackOn('r1'));
  assert.deepEqual(
    [record.version, record.arm, record.responseId, record.conversation, record.origin],
    ['v1@base', 'canary', 'r1', 'c0ffee', 'b'],
  );
  assert.deepEqual(record.context, responseOf('r1').context);
  await assert.rejects(b.keeper.call('feedback', feedbackOn('r1', 'other')), failsWith('response_not_found'));
  await assert.rejects(b.keeper.call('feedback', feedbackOn('r2')), failsWith('response_not_found'));
  await assert.rejects(b.keeper.call('feedback', feedbackOn('r1\n{x}')), failsWith('response_not_found'));
  await assert.rejects(b.keeper.call('feedback', feedbackOn('r1', 'acme', 4)), failsWith('invalid_argument'));
  await Promise.all([a.keeper.close(), b.keeper.close()]);
});

test('feedback that comes before the response has come to the shelf waits a moment for it', async () => {
  const shelf = newShelf();
  const late: Shelf = {
    async put(name, text, keepMs) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await shelf.put(name, text, keepMs);
    },
    get: (name) => shelf.get(name),
  };
  const [a, b] = [await start('a', late), await start('b', late)];
  a.keeper.keep(responseOf('r1'));
  assert.equal((await b.keeper.call('feedback', feedbackOn('r1'))).responseId, 'r1');
  const beginMs = performance.now();
  await assert.rejects(b.keeper.call('feedback', feedbackOn('r2')), failsWith('response_not_found'));
  assert.ok(performance.now() - beginMs < 3_000);
  await Promise.all([a.keeper.close(), b.keeper.close()]);
});

test('while the shelf is away, own responses take feedback and others wait with a time to come back', async () => {
  const away: Shelf = {
    put: () => Promise.reject(new Error('away')),
    get: () => Promise.reject(new Error('away')),
  };
  const a = await start('a', away);
  a.keeper.keep(responseOf('r1'));
  await settled();
  assert.equal((await a.keeper.call('feedback', feedbackOn('r1'))).responseId, 'r1');
  await assert.rejects(a.keeper.call('feedback', feedbackOn('r2')), (error: MillraceError) => {
    assert.equal(error.code, 'feedback_unavailable');
    assert.ok(Number(error.details.retryAfterMs) > 0);
    return true;
  });
  assert.equal(a.responses.numUnshared, 0, 'the shelf may come back');
  const beginMs = performance.now();
  await a.responses.close();
  assert.ok(performance.now() - beginMs < 1_000, 'the last try is made at once');
  assert.equal(a.responses.numUnshared, 1);
  assert.equal(a.keeper.numUnstored, 0);
  await a.keeper.close();
});

test('a response that the shelf does not take at first comes there later, also when its replica ends', async () => {
  const shelf = newShelf();
  let numFailures = 1;
  const shaky: Shelf = {
    put: (...of) => (numFailures-- > 0 ? Promise.reject(new Error('slow')) : shelf.put(...of)),
    get: (name) => shelf.get(name),
  };
  const [a, b] = [await start('a', shaky), await start('b', shelf)];
  a.keeper.keep(responseOf('r1'));
  assert.equal((await b.keeper.call('feedback', feedbackOn('r1'))).responseId, 'r1');
  numFailures = 2;
  a.keeper.keep(responseOf('r2'));
  await a.keeper.close();
  await a.responses.close();
  assert.equal((await b.keeper.call('feedback', feedbackOn('r2'))).responseId, 'r2');
  assert.equal(a.responses.numUnshared, 0);
  await b.keeper.close();
});

test('a response that is too large is not shared, and takes feedback where it was given', async () => {
  const shelf = newShelf();
  const [a, b] = [await start('a', shelf, 600), await start('b', shelf)];
  a.keeper.keep(responseOf('large', 'many words '.repeat(100)));
  await settled();
  assert.equal(a.responses.numUnshared, 1);
  assert.equal((await a.keeper.call('feedback', feedbackOn('large'))).responseId, 'large');
  await assert.rejects(b.keeper.call('feedback', feedbackOn('large')), failsWith('response_not_found'));
  await Promise.all([a.keeper.close(), b.keeper.close()]);
});

test('no more than a bounded number is on the way to a shelf that does not answer', () => {
  let numAsked = 0;
  const shelf: Shelf = {
    put: () => {
      numAsked++;
      return new Promise(() => {});
    },
    get: async () => null,
  };
  const responses = new SharedResponses({ shelf, keepMs, maxCharacters: 10_000, now: Date.now });
  for (let n = 0; n < 1_000; n++) responses.put(responseOf(`r${n}`));
  assert.equal(numAsked + responses.numUnshared, 1_000);
  assert.ok(numAsked <= 64, `${numAsked}`);
});
