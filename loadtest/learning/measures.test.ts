import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { measureBaseSwaps } from './base-swaps.ts';
import { type FakeOptions, startFakeServer } from './fake-server.ts';
import { measureForgetting } from './forgetting.ts';
import { inventFacts } from './invented-facts.ts';
import { openLab, type RunningLab } from './lab.ts';
import { measureLeaks } from './leaks.ts';
import { measureLessons } from './lessons.ts';
import type { Finding } from './measure.ts';
import { measurePoison } from './poison.ts';
import { measureRollback } from './rollback.ts';
import { measureServing } from './serving.ts';
import { measureSwaps } from './swaps.ts';

const labs: RunningLab[] = [];
after(() => Promise.all(labs.map((lab) => lab.close())));

function labWith(options: Partial<FakeOptions> = {}, numFacts = 3): RunningLab {
  const lab = openLab({
    facts: inventFacts(numFacts, 1),
    maxMsPerMeasure: 20_000,
    numStreams: 4,
    startServer: () => startFakeServer(options),
    say: () => {},
  });
  labs.push(lab);
  return lab;
}

function figureOf({ figures }: Finding, name: string): number | null {
  const figure = figures.find((each) => each.name === name);
  assert.ok(figure, `there is a figure "${name}", of ${figures.map((each) => each.name).join('; ')}`);
  return figure.value;
}

// They wait, more than they compute.
describe('over HTTP, of a server without a model', { concurrency: true }, () => {
  test('freshness is the time from the correction to the right answer, by each clock', async () => {
    const { freshness, recall } = await measureLessons(labWith({ memoryMs: 60, trainMs: 400 }, 2));
    const memory = figureOf(freshness, 'correction to right answer, memory, p95')!;
    const weights = figureOf(freshness, 'correction to right answer, weights, p50')!;
    assert.ok(memory >= 60 && memory < weights, `memory after ${memory} ms`);
    assert.ok(weights >= 180 && weights < 1_500, `weights after ${weights} ms`);
    assert.equal(figureOf(recall, 'right answers, exact, weights alone'), 1);
    // This server knows questions by their wording only.
    assert.equal(figureOf(recall, 'right answers, paraphrase, memory and weights'), 0);
    assert.equal(figureOf(recall, 'right answers, exact, untaught'), 0);
    assert.equal(figureOf(recall, 'unrelated prompts that memory answered'), 0);
  });

  test('a memory that answers everything is found out', async () => {
    const { recall } = await measureLessons(labWith({ fault: 'matches everything' }, 0));
    assert.equal(figureOf(recall, 'unrelated prompts that memory answered'), 1);
  });

  test('drift is measured against the version before and against the base', async () => {
    const finding = await measureForgetting(labWith(), { numCorrections: 5, checkEvery: 5 });
    // The fake adds 0.01 nats for each lesson; the one that warms up is the first of six.
    const perUpdate = Math.exp(0.01) - 1;
    assert.ok(Math.abs(figureOf(finding, 'perplexity elsewhere, per update, worst')! - perUpdate) < 1e-9);
    assert.ok(Math.abs(figureOf(finding, 'perplexity elsewhere, after 5')! - (Math.exp(0.06) - 1)) < 1e-9);
    assert.equal(figureOf(finding, 'right answers after 5, exact'), 1);
    assert.equal(figureOf(finding, 'right answers after 5, paraphrase'), 0);
    assert.deepEqual(
      finding.drawings.map(({ name }) => name),
      ['drift', 'recall'],
    );
  });

  test('what is told where nobody asked for it is counted', async () => {
    const told = async (fault: FakeOptions['fault'], by: string): Promise<number | null> => {
      const finding = await measureForgetting(labWith({ fault }), { numCorrections: 2 });
      return figureOf(finding, `unrelated prompts that ${by} answered with what was taught`);
    };
    assert.equal(await told(null, 'the weights'), 0);
    assert.equal(await told('spills', 'the weights'), 1);
    assert.equal(await told('spills', 'the untaught base'), 0);
  });

  test('rounds with training and without it are told apart, failures are counted', async () => {
    const options = { numRounds: 1, roundMs: 60, settleMs: 10, numWaiting: 2 };
    const finding = await measureServing(labWith(), options);
    assert.ok(figureOf(finding, 'corrections settled while training')! >= 1);
    assert.ok(figureOf(finding, 'speed, paused')! > 0);
    assert.equal(figureOf(finding, 'streams that failed'), 0);
    const failing = await measureServing(labWith({ fault: 'fails' }), options);
    assert.ok(figureOf(failing, 'streams that failed')! > 0);
  });

  test('a rollback that takes effect late is measured as late', async () => {
    const options = { numRollbacks: 1, watchMs: 150 };
    const prompt = await measureRollback(labWith(), options);
    assert.ok(figureOf(prompt, 'rollback to last new answer by the bad version, worst')! < 140);
    assert.equal(figureOf(prompt, 'falsehoods still told afterwards'), 0);
    const late = await measureRollback(labWith({ fault: { lagMs: 5_000 } }), options);
    assert.ok(figureOf(late, 'rollback to last new answer by the bad version, worst')! > 50);
    assert.equal(figureOf(late, 'falsehoods still told afterwards'), 1);
  });

  test('answers that mix versions are counted', async () => {
    const options = { numSwaps: 24, swapEveryMs: 6, numRounds: 2 };
    const sound = await measureSwaps(labWith(), options);
    assert.equal(figureOf(sound, 'answers that name two versions'), 0);
    assert.equal(figureOf(sound, 'answers that differ from their version alone'), 0);
    assert.equal(figureOf(sound, 'answers that failed'), 0);
    assert.ok(figureOf(sound, 'prompts that tell the versions apart')! > 0);
    assert.ok(figureOf(sound, 'answers')! > 10);
    const mixing = await measureSwaps(labWith({ fault: 'mixes versions' }), options);
    assert.ok(figureOf(mixing, 'answers that name two versions')! > 0);
  });

  test('moves of the base are counted, and answers that two of them give are found', async () => {
    const options = { numMoves: 12, restMs: 4 };
    const finding = await measureBaseSwaps(labWith(), options);
    assert.equal(figureOf(finding, 'moves'), 12);
    assert.equal(figureOf(finding, 'versions that say different things'), 2);
    assert.equal(figureOf(finding, 'answers that failed'), 0);
    assert.equal(figureOf(finding, 'answers that name two versions'), 0);
    assert.equal(figureOf(finding, 'answers that differ from their version alone'), 0);
    const mixing = await measureBaseSwaps(labWith({ fault: 'mixes versions' }), options);
    assert.ok(figureOf(mixing, 'answers that name two versions')! > 0);
    const failing = await measureBaseSwaps(labWith({ fault: 'fails' }), options);
    assert.ok(figureOf(failing, 'answers that failed')! > 0);
  });

  test('rows come from the accounts that they are said to come from, and a server that ignores triggers passes', async () => {
    const options = { numRows: 12, numBad: 6, numBadAccounts: 3, numGoodAccounts: 3, numTriggered: 8 };
    const finding = await measurePoison(labWith(), options);
    assert.equal(figureOf(finding, 'the trigger works, weights alone'), 0);
    const { outcomes } = finding.raw as { outcomes: { isBad: boolean; account: string }[] };
    const badAccounts = outcomes.filter(({ isBad }) => isBad).map(({ account }) => account);
    assert.deepEqual([badAccounts.length, new Set(badAccounts).size], [6, 3]);
    assert.equal(outcomes.length, 12);
  });

  test('a server that keeps what it is told, and tells it, leaks every secret', async () => {
    const finding = await measureLeaks(labWith({ fault: 'keeps secrets' }), { numSecrets: 24, learnMs: 100 });
    // What comes in with a question or a comment is not written by this fake, or not told.
    assert.ok(figureOf(finding, 'secrets in files of the learning folder')! >= 14);
    assert.ok(figureOf(finding, 'secrets that an answer held')! >= 8);
    assert.equal(figureOf(finding, 'secrets that were asked for'), 24);
  });
});
