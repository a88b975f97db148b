import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/until.ts';
import { Presence } from './presence.ts';
import type { LiveReplica, ReplicaStatus, Roster } from './roster.ts';

/** What all see, at once. */
class Board implements Roster {
  readonly said = new Map<string, ReplicaStatus>();
  isAway = false;

  async announce(status: ReplicaStatus): Promise<void> {
    this.check();
    this.said.set(status.id, status);
  }
  async leave(id: string): Promise<void> {
    this.check();
    this.said.delete(id);
  }
  async list(): Promise<readonly LiveReplica[]> {
    this.check();
    return [...this.said.values()].map((status) => ({ ...status, seenMsAgo: 0 }));
  }
  private check(): void {
    if (this.isAway) throw new Error('away');
  }
}

const base = `sha256:${'a'.repeat(64)}`;
const about = { model: 'm', base, adapter: 'v' };

function open(board: Board, id: string, more: { role?: 'learner'; startedAt?: string } = {}) {
  const problems: string[] = [];
  const { role = 'follower', startedAt = '2026-01-01T00:00:00.000Z' } = more;
  const presence = new Presence({
    roster: board,
    everyMs: 10,
    self: { id, role, url: null, filesUrl: `http://${id}`, version: '0', startedAt },
    aliasesRevision: () => 0,
    bases: () => [['m', base]],
    onProblem: (message) => problems.push(message),
  });
  return { presence, problems };
}

test('an alias may move when enough of those that live have the version, and not before', async () => {
  const board = new Board();
  const [a, b, c] = ['a', 'b', 'c'].map((id) => open(board, id).presence) as [Presence, Presence, Presence];
  await until(() => a.replicas.length === 3);
  a.tell('m', 'v', null);
  b.tell('m', 'v', new Error('it does not fit'));
  await until(() => board.said.get('b')!.models[0]!.refused.length === 1);
  assert.equal(await a.areReady(about, { percent: 51, withinMs: 50 }), false);
  const waiting = a.areReady(about, { percent: 51, withinMs: 5_000 });
  c.tell('m', 'v', null);
  assert.equal(await waiting, true);
  assert.equal(await a.areReady(about, { percent: 100, withinMs: 50 }), false, 'one has refused it');
  await c.close();
  assert.deepEqual([...board.said.keys()].sort(), ['a', 'b']);
  await Promise.all([a.close(), b.close()]);
});

test('the learner is known by its role, and nobody while there is none', async () => {
  const board = new Board();
  const { presence } = open(board, 'a');
  await until(() => presence.replicas.length === 1);
  assert.equal(presence.learner, null);
  const { presence: learner } = open(board, 'l', { role: 'learner' });
  await until(() => presence.learner !== null);
  assert.equal(presence.learner!.filesUrl, 'http://l');
  await Promise.all([presence.close(), learner.close()]);
});

test('two replicas of one name hear of each other; one that was started again is no other', async () => {
  const board = new Board();
  const first = open(board, 'a');
  await until(() => board.said.has('a'));
  await first.presence.close();
  board.said.set('a', { ...board.said.get('a'), id: 'a', startedAt: 'before' } as ReplicaStatus);
  const again = open(board, 'a', { startedAt: '2026-01-01T00:01:00.000Z' });
  await until(() => board.said.get('a')!.startedAt !== 'before');
  assert.deepEqual(again.problems, []);
  const other = open(board, 'a', { startedAt: '2026-01-01T00:02:00.000Z' });
  await until(() => again.problems.length === 1 && other.problems.length === 1);
  assert.match(again.problems[0]!, /cluster\.replica/);
  await Promise.all([again.presence.close(), other.presence.close()]);
});

test('while nothing is heard of others it is told once, and who was there is remembered', async () => {
  const board = new Board();
  const { presence, problems } = open(board, 'a');
  await until(() => presence.replicas.length === 1);
  board.isAway = true;
  await until(() => problems.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(problems.length, 1);
  assert.equal(presence.replicas.length, 1);
  await presence.close();
});

test('others hear how far a replica has followed the aliases, and of a bounded number of what it misses', async () => {
  const board = new Board();
  const { presence } = open(board, 'a');
  const missing = Array.from({ length: 100 }, (_, n) => ({
    ...{ model: 'm', tenant: `t${n}`, version: 'v' },
    reason: 'x'.repeat(10_000),
  }));
  presence.adopted({ revision: 3, missing });
  await until(() => board.said.get('a')?.adoption?.revision === 3);
  const told = board.said.get('a')!.adoption!.missing;
  assert.equal(told.length, 64);
  assert.ok(JSON.stringify(told).length < 64 * 2 ** 10);
  await presence.close();
});
