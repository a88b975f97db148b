import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noTenantAliases, type TenantAliases } from '../../core/registry/aliases.ts';
import { promoted, rolledBack } from './alias-moves.ts';
import { armOf } from './experiment/assign.ts';
import { Trial } from './trial.ts';
import type { TrialObservation } from './trial-observation.ts';
import { restoreParts } from './trial-state.ts';

const startMs = 1_000_000;
const share = 0.5;
const none = { experiment: {}, watch: {} };
const at = (stable: string | null): TenantAliases => ({ ...noTenantAliases, stable });
const trying = (canary: string, of: TenantAliases = at('s'), part = share): TenantAliases => ({
  ...of,
  canary: { adapter: canary, share: part },
});
const moved = (of: TenantAliases, adapter: string) => promoted(of, adapter, { at: 'now', pinned: false });

/** Keys of conversations of the canary's arm, or of the other one. */
function* keysOf(arm: 'stable' | 'canary', experiment = 'c', part = share): Generator<string> {
  for (let n = 0; ; n++) if (armOf(`key ${n}`, experiment, part) === arm) yield `key ${n}`;
}

let keys = keysOf('stable');
const answer = { kind: 'answer', ttftMs: 100, tpotMs: 20, load: 1 } as const;
const failure = { kind: 'failure' } as const;

const seen = (about: Partial<TrialObservation> = {}): TrialObservation => ({
  model: 'm',
  tenant: 't',
  adapter: 's',
  arm: 'stable',
  conversation: keys.next().value!,
  atMs: startMs,
  happened: answer,
  ...about,
});

function open(aliases: TenantAliases, trial = new Trial(none)): Trial {
  keys = keysOf('stable');
  assert.deepEqual(trial.follow('base', aliases, startMs), []);
  return trial;
}

test('a canary is compared by what its split has chosen, and by nothing else', () => {
  const trial = open(trying('c'));
  const canaryKey = keysOf('canary').next().value!;
  trial.record(seen(), startMs);
  trial.record(seen({ arm: 'canary', adapter: 'c', conversation: canaryKey }), startMs);
  const ignored: readonly Partial<TrialObservation>[] = [
    { adapter: 'old' },
    { adapter: null },
    { adapter: 'c' },
    { arm: 'canary', conversation: canaryKey },
    { atMs: startMs - 1 },
    { conversation: canaryKey },
    { arm: 'canary', adapter: 'c' },
  ];
  for (const about of ignored) trial.record(seen(about), startMs);
  const { tallies } = trial.view().canary!.evidence;
  assert.deepEqual([tallies.stable.requests, tallies.canary.requests], [1, 1]);
});

test('a canary that fails while stable answers is due at once, once, and again when its end failed', () => {
  const trial = open(trying('c'));
  const canaryKeys = keysOf('canary');
  trial.record(seen(), startMs);
  for (let failures = 1; failures <= 3; failures++) {
    assert.equal(trial.due(startMs), null);
    const conversation = canaryKeys.next().value!;
    trial.record(seen({ arm: 'canary', adapter: 'c', conversation, happened: failure }), startMs);
    trial.record(seen(), startMs);
  }
  const due = trial.due(startMs)!;
  assert.deepEqual(
    [due.trial, due.version, due.against, due.kind, due.reason],
    ['canary', 'c', 's', 'rollback', 'failures-in-row'],
  );
  trial.begin(due);
  assert.equal(trial.due(startMs), null, 'it is under way');
  trial.concluded();
  assert.equal(trial.due(startMs)?.reason, 'failures-in-row', 'the aliases did not move');
  trial.begin(due);
  assert.deepEqual(trial.follow('base', at('s'), startMs), [], 'it is its own end');
  trial.concluded();
  assert.equal(trial.due(startMs), null);
  assert.equal(trial.view().canary, null);
});

test('an experiment begins anew when what it compares with moves, and grows with its share', () => {
  const trial = open(trying('c'));
  trial.record(seen(), startMs);
  assert.deepEqual(trial.follow('base', trying('c', at('s'), 0.6), startMs), []);
  assert.equal(trial.view().canary!.evidence.share, 0.6);
  assert.equal(trial.view().canary!.evidence.tallies.stable.requests, 1);
  const told = trial.follow('base', trying('c', at('other'), 0.6), startMs + 5);
  assert.deepEqual(
    told.map(({ version, kind, reason, against }) => [version, kind, reason, against]),
    [['c', 'stopped', 'moved', 's']],
  );
  const { against, startedMs, evidence } = trial.view().canary!;
  assert.deepEqual([against, startedMs, evidence.tallies.stable.requests], ['other', startMs + 5, 0]);
  assert.equal(trial.follow('base', trying('c', at('other'), 0.1), startMs + 6).length, 1, 'it shrank');
  assert.equal(trial.follow('base', trying('d', at('other'), 0.1), startMs + 7)[0]?.version, 'c');
});

test('what takes over is watched against what was usual; what is gone back to is not', () => {
  const trial = open(at('s'));
  for (let n = 0; n < 30; n++) trial.record(seen(), startMs);
  const next = moved(at('s'), 'n');
  trial.follow('base', next, startMs + 1);
  const { watch } = trial.view();
  assert.deepEqual([watch?.version, watch?.against, watch?.evidence.usual.requests], ['n', 's', 30]);
  trial.record(seen(), startMs + 2);
  trial.record(seen({ adapter: 'n' }), startMs + 2);
  assert.equal(trial.view().watch?.evidence.since.requests, 1, 'only what the version answered');
  trial.follow('base', rolledBack(next)!, startMs + 3);
  assert.equal(trial.view().watch, null);
  assert.equal(trial.view().usual.requests, 30);
});

test('a version that took over and fails is due to go back, and what was usual stays', () => {
  const trial = open(at('s'));
  for (let n = 0; n < 30; n++) trial.record(seen(), startMs);
  const next = moved(at('s'), 'n');
  trial.follow('base', next, startMs + 1);
  for (let n = 0; n < 3; n++) trial.record(seen({ adapter: 'n', happened: failure }), startMs + 2);
  const due = trial.due(startMs + 2)!;
  assert.deepEqual(
    [due.trial, due.version, due.kind, due.reason],
    ['watch', 'n', 'rollback', 'failures-in-row'],
  );
  trial.begin(due);
  assert.deepEqual(trial.follow('base', rolledBack(next)!, startMs + 3), []);
  trial.concluded();
  assert.deepEqual([trial.view().usual.requests, trial.view().usual.failures], [30, 0]);
});

test('somebody who teaches does not make the version that has just learned look bad', () => {
  const trial = open(at('s'));
  for (let n = 0; n < 300; n++) trial.record(seen(), startMs);
  trial.follow('base', moved(at('s'), 'n'), startMs + 1);
  for (let n = 0; n < 200; n++) {
    const conversation = keys.next().value!;
    trial.record(seen({ adapter: 'n', conversation }), startMs + 2);
    const happened = { kind: 'correction', earlier: null } as const;
    trial.record(seen({ adapter: 'n', conversation, happened }), startMs + 2);
  }
  assert.equal(trial.due(startMs + 2), null);
});

test('ratings that fall since a version took over speak against it', () => {
  const trial = open(at('s'));
  const rate = (adapter: string, value: number): void => {
    const conversation = keys.next().value!;
    trial.record(seen({ adapter, conversation }), startMs + 1);
    const happened = { kind: 'rating', value, earlier: null } as const;
    trial.record(seen({ adapter, conversation, happened }), startMs + 1);
  };
  for (let n = 0; n < 200; n++) rate('s', n % 4 === 0 ? -1 : 1);
  trial.follow('base', moved(at('s'), 'n'), startMs + 1);
  for (let n = 0; n < 200 && trial.due(startMs + 1) === null; n++) rate('n', n % 4 === 0 ? 1 : -1);
  assert.equal(trial.due(startMs + 1)?.reason, 'worse-quality');
});

test('a token that takes twice as long while a trainer works is no harm; five times as long is', () => {
  for (const [factor, expected] of [
    [2, undefined],
    [5, 'tpot'],
  ] as const) {
    const trial = open(at('s'));
    for (let n = 0; n < 100; n++)
      trial.record(seen({ happened: { ...answer, tpotMs: 18 + (n % 5) } }), startMs);
    trial.follow('base', moved(at('s'), 'n'), startMs + 1);
    for (let n = 0; n < 100; n++)
      trial.record(
        seen({ adapter: 'n', happened: { ...answer, tpotMs: factor * (18 + (n % 5)) } }),
        startMs + 2,
      );
    assert.equal(trial.due(startMs + 2)?.reason, expected, `factor ${factor}`);
  }
});

test('a canary is no worse for the third that an adapter costs beside the base alone; three times as long is', () => {
  for (const [factor, expected] of [
    [1.31, undefined],
    [3, 'tpot'],
  ] as const) {
    const trial = open(trying('c', at(null)));
    const canaryKeys = keysOf('canary');
    for (let n = 0; n < 400 && trial.due(startMs) === null; n++) {
      // Now and then it takes longer; how much, differs by chance.
      const tpotOf = (more: number): number => (18 + (n % 5)) * (n % 17 === 0 ? more : 1);
      trial.record(seen({ adapter: null, happened: { ...answer, tpotMs: tpotOf(1.5) } }), startMs);
      const conversation = canaryKeys.next().value!;
      const happened = { ...answer, tpotMs: factor * tpotOf(1.8) };
      trial.record(seen({ arm: 'canary', adapter: 'c', conversation, happened }), startMs);
    }
    assert.equal(trial.due(startMs)?.reason, expected, `factor ${factor}`);
  }
});

test('a watch that ends makes what it saw usual; one that is overtaken does so when nothing speaks against it', () => {
  const watching = (): Trial => {
    const trial = open(at('s'));
    for (let n = 0; n < 30; n++) trial.record(seen(), startMs);
    trial.follow('base', moved(at('s'), 'n'), startMs + 1);
    for (let n = 0; n < 25; n++) trial.record(seen({ adapter: 'n' }), startMs + 2);
    return trial;
  };
  const settled = watching();
  assert.equal(settled.due(startMs + 1 + 600_000)?.kind, 'settled');
  settled.settle();
  assert.deepEqual([settled.isActive, settled.view().usual.requests], [false, 55]);
  const overtaken = watching();
  const [stopped] = overtaken.follow('base', moved(moved(at('s'), 'n'), 'p'), startMs + 3);
  assert.deepEqual([stopped?.version, stopped?.kind], ['n', 'stopped']);
  assert.equal(overtaken.view().watch?.evidence.usual.requests, 55);
  const suspected = watching();
  for (let n = 0; n < 2; n++) suspected.record(seen({ adapter: 'n', happened: failure }), startMs + 2);
  suspected.follow('base', moved(moved(at('s'), 'n'), 'p'), startMs + 3);
  assert.equal(suspected.view().watch?.evidence.usual.requests, 30);
});

test('on another base nothing is compared with what was before', () => {
  const trial = open(trying('c', moved(at('s'), 'n')));
  trial.follow('base', trying('c', moved(moved(at('s'), 'n'), 'p')), startMs);
  assert.equal(trial.isActive, true);
  trial.follow('another base', at('n'), startMs + 1);
  assert.equal(trial.isActive, false);
});

test('a trial goes on from its state as if nothing had been; what is unusable begins anew', () => {
  const trial = open(at('s'));
  for (let n = 0; n < 30; n++) trial.record(seen(), startMs);
  const aliases = trying('c', moved(at('s'), 'n'));
  trial.follow('base', aliases, startMs + 1);
  for (let n = 0; n < 2; n++) trial.record(seen({ adapter: 'n', happened: failure }), startMs + 2);
  trial.waiting = 'w';
  const state = JSON.parse(JSON.stringify(trial.state()));
  const restored = restoreParts(state);
  assert.deepEqual(restored.problems, []);
  const again = new Trial(none, restored.parts);
  assert.deepEqual(again.view(), trial.view());
  for (const of of [trial, again]) {
    of.follow('base', aliases, startMs + 3);
    of.record(seen({ adapter: 'n', happened: failure, conversation: 'third' }), startMs + 3);
  }
  assert.equal(again.due(startMs + 3)?.kind, 'rollback');
  assert.deepEqual(again.due(startMs + 3), trial.due(startMs + 3));

  for (const [json, part] of [
    [null, 'all'],
    [[], 'all'],
    [{ ...state, format: 2 }, 'all'],
    [{ ...state, standing: { base: 1 } }, 'all'],
    [{ ...state, guard: { watch: {}, against: null } }, 'guard'],
    [{ ...state, standing: null }, 'guard'],
    [
      { ...state, challenge: { experiment: { ...state.challenge.experiment, share: 2 }, against: null } },
      'challenge',
    ],
    [{ ...state, guard: null, usual: { units: 3 } }, 'usual'],
  ] as const) {
    const { parts, problems } = restoreParts(json);
    assert.equal(problems.length, 1, JSON.stringify(json)?.slice(0, 80));
    assert.equal(parts.guard === null, part !== 'challenge');
    assert.equal(parts.challenge === null, part === 'all' || part === 'challenge');
  }
});
