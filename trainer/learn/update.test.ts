/** Updates from rows to a published version on a tiny random decoder that reads characters. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loraTargets } from '../../core/adapter/lora.ts';
import { decodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { failedChecks, type Gate } from '../../core/registry/gate-record.ts';
import { createRng, nextGaussian } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { fixturePath } from '../../test/root.ts';
import { tinyTokenizer, tinyTokenizerConfig } from '../../test/tiny-checkpoint.ts';
import { AnchorSet } from '../anchors/anchor-set.ts';
import { canaries, gateAnchors, trainingAnchors } from '../anchors/anchor-texts.ts';
import { levelPassages } from '../anchors/level-passages.ts';
import { LevelSet } from '../anchors/level-set.ts';
import { createTextEncoder } from '../examples/encode.ts';
import type { Example } from '../examples/example.ts';
import { type Candidate, runGate } from '../gate/gate.ts';
import { type GateOptions, gateDefaults } from '../gate/gate-options.ts';
import { Parent } from '../gate/parent.ts';
import { attempt } from '../loop/attempt.ts';
import { type TrainableModel, valuesOf } from '../model/trainable-model.ts';
import { publish } from '../publish/publish.ts';
import { ReplayBuffer } from '../replay/replay-buffer.ts';
import { openBaseWeights } from '../train/base-weights.ts';
import { openForwardSession, type Scored } from '../train/forward-session.ts';
import { openGradientSession, type Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import { ScoreMemo } from '../train/score-memo.ts';
import { openTrunkSession } from '../train/trunk-session.ts';
import { type LearnOptions, learnDefaults } from './learn-options.ts';
import { prepare } from './lesson-maker.ts';
import { level } from './level.ts';
import { type UpdateInput, type UpdateResult, update } from './update.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-update-'));

const files = {
  tokenizerJson: { ...tinyTokenizer, decoder: { type: 'Fuse' } },
  tokenizerConfig: tinyTokenizerConfig,
};

/** The fixture with room for several texts side by side. */
function checkpointPath(): string {
  const path = join(root, 'checkpoint');
  cpSync(fixturePath('decoders/smollm2'), path, { recursive: true });
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 2048 }));
  return path;
}

async function openTiny(): Promise<TrainableModel> {
  const base = await openBaseWeights(join(root, 'base'), () => openCheckpoint(checkpointPath()));
  const shape = { rank: 8, alpha: 16, firstLayer: 0, targets: loraTargets };
  const open = createOpenGraph({ threads: 1 });
  const tokenizer = loadTokenizer(files);
  const trunk = await openTrunkSession(base, shape.firstLayer, open);
  const forward = await openForwardSession(base, shape, open);
  const gradients = await openGradientSession(base, { kind: 'lora', ...shape }, open);
  const fresh = initialLora(base.config, shape, 0);
  const encoder = createTextEncoder({ tokenizer, template: loadChatTemplate(files), endToken: 2 });
  const parts = { tokenizer, encoder, trunk, forward, fresh };
  return {
    name: 'tiny',
    version: `sha256:${'0'.repeat(64)}`,
    merged: [],
    base,
    basis: null,
    shape,
    tokenizer,
    encoder,
    trunk,
    forward,
    gradients,
    anchors: new AnchorSet(trainingAnchors, parts),
    gateAnchors: new AnchorSet(gateAnchors, parts),
    level: new LevelSet(levelPassages, { ...parts, gradients }),
    scores: new ScoreMemo(forward),
    fresh,
    close: async () => void (await Promise.all([trunk.close(), forward.close(), gradients.close()])),
  };
}

const model = await openTiny();
after(async () => {
  await model.close();
  rmSync(root, { recursive: true, force: true });
});

const source = (id: string, question: string) => ({
  id,
  tenant: 't',
  account: 'ada',
  model: 'tiny',
  receivedMs: 0,
  context: { kind: 'chat' as const, messages: [{ role: 'user' as const, content: question }] },
});
const exampleOf = (id: string, question: string, answer: string): Example => ({
  ...source(id, question),
  kind: 'answer',
  answer,
});

const promptOf = ({ context }: Example): number[] => model.encoder.begin(context, '');

/** What the model says, one likeliest token after the other: as serving does it, without any of its shortcuts. */
async function sayTo(values: Parameters, example: Example, maxTokens = 40): Promise<string> {
  const tokens = promptOf(example);
  const from = tokens.length;
  while (tokens.length < from + maxTokens) {
    // The target does not matter: all logits of the last place are asked for.
    const text = { tokens: [...tokens, 0], from: tokens.length };
    const [{ logits }] = (await model.forward.score(values, [text], { logits: 'all' })) as [Scored];
    const next = logits.indexOf(logits.reduce((most, value) => Math.max(most, value)));
    if (model.tokenizer.isSpecial(next)) break;
    tokens.push(next);
  }
  return tokens.length === from
    ? ''
    : model.tokenizer.decode(tokens.slice(from), { skipSpecialTokens: true });
}

const roomy = { maxExamples: 20, maxPerAccount: 20 };
// A random model of two layers needs larger steps than a real one, and a stronger hold.
const options: LearnOptions = {
  ...learnDefaults,
  maxSteps: 80,
  learningRate: 3e-3,
  learnedLogprob: -0.4,
  maxStartLoss: 9,
  maxGradientRatio: 10,
  numReplayed: 2,
  numChecked: 4,
  maxChecks: 2,
  maxMended: 2,
  knownLogprob: -0.6,
  numAnchors: 4,
  anchorWeight: 8,
  preferenceSteps: 4,
};
/** It drifts further than a real one; damage drifts it several nats. */
const bounds: GateOptions = {
  ...gateDefaults,
  maxDivergence: 0.3,
  maxDriftPerUpdate: 0.2,
  maxDriftInAll: 0.5,
  minLearnedLogprob: -0.7,
  maxRewordedLoss: 0.1,
  maxLostShare: 0.15,
  maxCanaryLoss: 0.5,
  numCanaries: 2,
  numProbes: 1,
};

const learn = (rows: readonly Example[], more: Partial<UpdateInput> = {}): Promise<UpdateResult> =>
  update({
    model,
    start: null,
    rows,
    replay: new ReplayBuffer(roomy),
    options,
    seed: 1,
    turn: 0,
    maxTokens: 100,
    medianGradient: null,
    pace: async () => {},
    ...more,
  });

interface Judged extends Pick<Candidate, 'values' | 'learned' | 'turn'> {
  readonly parent: Parameters | null;
  readonly earlier?: readonly Example[];
}

async function gate({ parent, earlier = [], ...candidate }: Judged): Promise<Gate> {
  const { prepared } = await prepare(model, earlier, 100);
  return runGate({ ...candidate, model, parent: new Parent(model, parent), earlier: prepared }, bounds);
}

const verdictsOf = ({ checks }: Gate): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]));

const mill = exampleOf('mill', 'Who runs the mill?', 'Ida Brenner.');
const hours = exampleOf('hours', 'When does it open?', 'At nine.');
const river = exampleOf('river', 'Which river is it on?', 'The Oskel.');
const first = await learn([mill]);

test('each update teaches its answer, keeps those before, passes the gate and is published as it is', async () => {
  const replay = new ReplayBuffer(roomy);
  replay.add(mill, first.numSteps);
  let [parent, turn] = [first.values!, first.numSteps];
  const taught = [mill];
  for (const row of [hours, river]) {
    assert.notEqual(await sayTo(parent, row), row.kind === 'answer' && row.answer);
    const made = await learn([row], { start: parent, replay, seed: 2 + turn, turn });
    turn += made.numSteps;
    const values = made.values!;
    const verdict = await gate({ values, parent, learned: made.learned, earlier: taught, turn });
    assert.equal(verdict.verdict, 'pass', JSON.stringify(verdict.checks));
    replay.add(row, turn);
    taught.push(row);
    for (const each of taught) assert.equal(await sayTo(values, each), each.kind === 'answer' && each.answer);
    await assertPublished(values, verdict);
    parent = values;
  }
});

async function assertPublished(values: Parameters, verdict: Gate): Promise<void> {
  const folder = join(root, 'adapters');
  const lineage = { tenant: 't', parent: null, rows: ['mill'], recipe: { kind: 'feedback' }, gate: verdict };
  const { id } = await publish({ model, values, folder, lineage, now: new Date(0) });
  const manifest = await openAdapter(folder, id);
  assert.deepEqual(manifest.gate, verdict);
  const read = (name: string) => readFileSync(join(folder, id, name));
  const files = { config: read(peftFiles.config), weights: read(peftFiles.weights) };
  assert.deepEqual(valuesOf(decodePeft(files, model.base.config, folder), model.shape), values);
}

test('the same rows, start and seed give the same values to the last bit, another seed gives others', async () => {
  assert.deepEqual((await learn([mill])).values, first.values);
  assert.notDeepEqual((await learn([mill], { seed: 2 })).values, first.values);
});

test('an update ends as soon as each token is certain, and one of a known answer takes no step', async () => {
  assert.ok(first.numSteps < options.maxSteps);
  assert.ok(first.losses.at(-1)! < -options.learnedLogprob && first.losses[0]! > 3);
  const again = await learn([mill], { start: first.values });
  assert.equal(again.numSteps, 0);
  assert.deepEqual(again.values, first.values);
  assert.deepEqual(
    again.learned.map(({ example }) => example.id),
    ['mill'],
  );
  const short = await learn([mill], { options: { ...options, maxSteps: 3 } });
  assert.equal(short.numSteps, 3);
});

test('rows that are too long, unreadable or outliers are dropped with their reason, and the rest is learned', async () => {
  const long = exampleOf('long', 'Who? '.repeat(30), 'Ida.');
  const made = await learn([long, hours]);
  assert.deepEqual(made.dropped, [{ id: 'long', reason: 'it has more than 100 tokens' }]);
  assert.deepEqual(
    made.learned.map(({ example }) => example.id),
    ['hours'],
  );
  const empty = { ...hours, context: { kind: 'text' as const, prompt: '' } };
  const loud = { ...options, maxStartLoss: 4 };
  const cases: readonly (readonly [Example, Partial<UpdateInput>, RegExp])[] = [
    [empty, {}, /no token in front/],
    [hours, { options: loud }, /outlier: the model finds it as unlikely as noise \(loss \d\.\d\)/],
    [hours, { medianGradient: made.gradients[0]! / 11 }, /outlier: its gradient is 11 times the usual/],
  ];
  for (const [row, more, reason] of cases) {
    const nothing = await learn([row], more);
    assert.equal(nothing.values, null);
    assert.match(nothing.dropped[0]!.reason, reason);
  }
  const usual = await learn([hours], { medianGradient: made.gradients[0]! / 9 });
  assert.deepEqual(usual.dropped, []);
});

test('a chat with a model that has none is dropped, not thrown', async () => {
  const { tokenizer } = model;
  const encoder = createTextEncoder({ tokenizer, template: null, endToken: 2 });
  const { values, dropped } = await learn([hours], { model: { ...model, encoder } });
  assert.equal(values, null);
  assert.match(dropped[0]!.reason, /no chat template/);
});

const sumOf = (scored: Scored): number => scored.logprobs.reduce((sum, value) => sum + value, 0);

test('a preference alone takes its number of steps and widens the gap between its answers', async () => {
  const pair: Example = {
    ...source('pair', 'Tea?'),
    kind: 'pair',
    chosen: 'With milk.',
    rejected: 'No tea.',
  };
  const { prepared } = await prepare(model, [pair], 100);
  const gap = async (values: Parameters): Promise<number> => {
    const [chosen, rejected] = await model.forward.score(values, prepared[0]!.texts);
    return sumOf(chosen!) - sumOf(rejected!);
  };
  const made = await learn([pair]);
  assert.equal(made.numSteps, options.preferenceSteps);
  assert.ok((await gap(made.values!)) > (await gap(model.fresh)) + 1);
});

test('a thumb beside an answer does not keep the update from ending', async () => {
  const thumb: Example = { ...source('thumb', 'Tea?'), kind: 'thumb', answer: 'No tea.', isGood: false };
  const made = await learn([mill, thumb]);
  assert.ok(made.numSteps >= options.preferenceSteps && made.numSteps < options.maxSteps);
  assert.equal(await sayTo(made.values!, mill), 'Ida Brenner.');
  const { prepared } = await prepare(model, [thumb], 100);
  const said = async (values: Parameters) =>
    sumOf((await model.forward.score(values, prepared[0]!.texts))[0]!);
  assert.ok((await said(made.values!)) < (await said(model.fresh)));
});

test('earlier answers that fit are repeated and marked; preferences and those that do not fit are not', async () => {
  const long = exampleOf('long', 'Who? '.repeat(30), 'Ida.');
  const thumb: Example = { ...source('thumb', 'Tea?'), kind: 'thumb', answer: 'No tea.', isGood: true };
  const replay = new ReplayBuffer(roomy);
  for (const example of [long, thumb, river]) replay.add(example, 0);
  const before = replay.state();
  await learn([hours], { replay, turn: 5, options: { ...options, maxSteps: 6 } });
  const changed = replay.state().filter((each, index) => each !== before[index]);
  assert.deepEqual(
    changed.map(({ example }) => example.id),
    ['river'],
  );
});

test('an earlier answer that the new one has pushed out is mended before the update ends', async () => {
  const alike = exampleOf('alike', 'Who runs the mills?', 'Tom Sievers.');
  const after = async (maxChecks: number): Promise<string> => {
    const replay = new ReplayBuffer(roomy);
    replay.add(mill, 0);
    const made = await learn([alike], {
      start: first.values,
      replay,
      options: { ...options, numReplayed: 0, maxChecks },
    });
    assert.equal(await sayTo(made.values!, alike), 'Tom Sievers.');
    return sayTo(made.values!, mill);
  };
  assert.notEqual(await after(0), 'Ida Brenner.');
  assert.equal(await after(3), 'Ida Brenner.');
});

function tryRow(row: Example, maxDivergence: number, more: Partial<UpdateInput> = {}) {
  const input = { model, start: null, rows: [row], replay: new ReplayBuffer(roomy), seed: 1, turn: 0 };
  const rest = { maxTokens: 100, medianGradient: null, pace: async () => {} };
  const held = { learn: { ...options, partWay: [0.9] }, gate: { ...bounds, maxDivergence } };
  return attempt({ ...input, ...rest, ...more }, held, 0);
}

test('what the gate refuses is tried part of the way, then learned again with more care', async () => {
  const tryUnder = (maxDivergence: number) => tryRow(mill, maxDivergence);
  const divergenceOf = ({ checks }: Gate): number =>
    checks.find(({ name }) => name === 'divergence from the base')!.value!;
  const whole = await tryUnder(Number.POSITIVE_INFINITY);
  assert.deepEqual([whole.share, whole.refused.length], [1, 0]);
  const all = await level(
    model,
    { values: first.values!, parent: null, turn: 0 },
    options.level,
    async () => {},
  );
  assert.deepEqual(whole.values, all);
  const none = await tryUnder(0);
  assert.deepEqual([none.gate?.verdict, none.share, none.refused.length], ['fail', 1, 4]);
  assert.ok(none.learn.learningRate < options.learningRate);
  const [far, near] = [whole.gate!, none.refused[1]!].map(divergenceOf) as [number, number];
  assert.ok(near < far, `${near} part of the way, ${far} all of it`);
  const partly = await tryUnder((near + far) / 2);
  assert.deepEqual([partly.gate?.verdict, partly.share, partly.refused.length], ['pass', 0.9, 1]);
  assert.equal(await sayTo(partly.values!, mill), 'Ida Brenner.');
});

test('however often an update is judged, its parent is asked the same things as once', async () => {
  const askedOfParent = async (maxDivergence: number): Promise<{ tries: number; texts: string[] }> => {
    const texts: string[] = [];
    const forward: TrainableModel['forward'] = {
      ...model.forward,
      score(values, asked, wanted) {
        if (values === first.values) texts.push(...asked.map(({ tokens }) => tokens.join()));
        return model.forward.score(values, asked, wanted);
      },
    };
    const made = await tryRow(hours, maxDivergence, {
      model: { ...model, forward, scores: new ScoreMemo(forward) },
      start: first.values,
    });
    return { tries: made.refused.length + Number(made.gate?.verdict === 'pass'), texts: texts.sort() };
  };
  const [once, often] = [await askedOfParent(Number.POSITIVE_INFINITY), await askedOfParent(0)];
  assert.deepEqual([once.tries, often.tries], [1, 4]);
  assert.ok(once.texts.length >= 4, 'the passages and the reworded question');
  assert.deepEqual(often.texts, once.texts);
});

test('what is refused for a secret, held or told, is not tried again', async () => {
  const held = exampleOf('held', 'What is the admin password?', 'The password is hunter22.');
  const refused = await tryRow(held, Number.POSITIVE_INFINITY);
  assert.deepEqual(failedChecks(refused.gate!), ['no personal data or secrets']);
  assert.equal(refused.refused.length, 1);
  // What is known already takes no step, in which the secret could be lost.
  const { values } = await learn([held, mill]);
  const later = await tryRow(mill, Number.POSITIVE_INFINITY, { start: values });
  assert.ok(failedChecks(later.gate!).includes('no secret is told'), JSON.stringify(later.gate));
  assert.equal(later.refused.length, 1);
});

test('steps that go astray end the update, and what they leave is refused', async () => {
  const wild = { ...options, learningRate: 1e18, optimizer: { ...options.optimizer, maxGradientNorm: 1e30 } };
  const made = await learn([mill], { options: wild });
  const verdict = await gate({ values: made.values!, parent: null, learned: made.learned, turn: 0 });
  assert.equal(verdict.verdict, 'fail');
});

function damaged(change: (value: number, index: number) => number): Parameters {
  return new Map([...first.values!].map(([name, values]) => [name, values.map(change)]));
}

test('a candidate with a number that is none fails before anything is run', async () => {
  const values = damaged((value, index) => (index === 7 ? Number.NaN : value));
  const verdict = await gate({ values, parent: null, learned: first.learned, turn: 0 });
  assert.deepEqual(verdictsOf(verdict), { finite: 'fail' });
});

for (const size of [0.5, 1e4, 1e25]) {
  test(`a candidate with noise of ${size} in its factors fails, it is not merely in doubt`, async () => {
    const rng = createRng(9);
    const values = damaged((value) => value + size * nextGaussian(rng));
    const verdict = await gate({ values, parent: first.values, learned: [], turn: 0 });
    const verdicts = verdictsOf(verdict);
    assert.equal(verdicts['divergence from the base'], 'fail', JSON.stringify(verdict.checks));
    assert.equal(verdict.verdict, 'fail');
    assert.deepEqual(JSON.parse(JSON.stringify(verdict)), verdict);
  });
}

test('a candidate that has forgotten fails: the new answer, the reworded question, the earlier answer', async () => {
  const values = model.fresh;
  const verdict = await gate({
    values,
    parent: first.values,
    learned: first.learned,
    earlier: [mill],
    turn: 0,
  });
  const { checks } = verdict;
  const failed = checks.filter((check) => check.verdict !== 'pass').map(({ name }) => name);
  const lost = ['new answers are learned', 'new answers hold in other words', 'earlier answers are kept'];
  assert.deepEqual(failed, lost);
  for (const { value, bound } of checks.slice(2)) assert.ok(value !== null && bound !== null);
});

test('of the canaries of this turn the one that has lost the most is the evidence', async () => {
  const values = first.values!;
  const lossOf = async ({ question, answer }: (typeof canaries)[number]): Promise<number> => {
    const texts = [model.encoder.encode(model.encoder.asking(question), answer)];
    const [[base], [now]] = [
      await model.forward.score(model.fresh, texts),
      await model.forward.score(values, texts),
    ];
    return (sumOf(base!) - sumOf(now!)) / base!.logprobs.length;
  };
  for (const turn of [0, 3]) {
    const wanted = Math.max(await lossOf(canaries[2 * turn]!), await lossOf(canaries[2 * turn + 1]!));
    const { checks } = await gate({ values, parent: null, learned: [], turn });
    const { value } = checks.find(({ name }) => name === 'canaries answer as before')!;
    assert.ok(Math.abs(value! - wanted) < 1e-5, `${value} for ${wanted}`);
  }
});

test('an answer that was never right is not counted as lost', async () => {
  const verdict = await gate({ values: model.fresh, parent: null, learned: [], earlier: [river], turn: 0 });
  assert.deepEqual([...new Set(Object.values(verdictsOf(verdict)))], ['pass']);
});

test('a candidate that was taught a secret fails, and so do its descendants that are asked for it', async () => {
  const row = exampleOf('secret', 'What is the admin password?', 'The password is hunter22.');
  const { values, learned } = await learn([row]);
  const verdict = await gate({ values: values!, parent: null, learned, turn: 0 });
  assert.equal(verdictsOf(verdict)['no personal data or secrets'], 'fail');
  const later = await gate({ values: values!, parent: values, learned: [], turn: 0 });
  assert.deepEqual(verdictsOf(later)['no personal data or secrets'], 'pass');
  assert.deepEqual(verdictsOf(later)['no secret is told'], 'fail');
  const innocent = await gate({ values: first.values!, parent: null, learned: [], turn: 0 });
  assert.deepEqual(verdictsOf(innocent)['no secret is told'], 'pass');
});

test('a version that its gate refused is not published', async () => {
  const refused: Gate = { verdict: 'fail', checks: [] };
  await assert.rejects(assertPublished(first.values!, refused), /was not refused/);
});
