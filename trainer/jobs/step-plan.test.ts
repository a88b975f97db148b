import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosen, StepPlan } from './step-plan.ts';

const options = { numExamples: 10, batchSize: 4, numEpochs: 3, seed: 5 };

test('every epoch has every example once, in an order of its own', () => {
  const plan = new StepPlan(options);
  assert.equal(plan.numSteps, 9);
  const epochs = [0, 1, 2].map((epoch) => [0, 1, 2].flatMap((step) => plan.batch(3 * epoch + step)));
  for (const epoch of epochs) {
    assert.deepEqual(
      epoch.toSorted((a, b) => a - b),
      Array.from({ length: 10 }, (_, index) => index),
    );
  }
  assert.equal(new Set(epochs.map(String)).size, 3);
  assert.deepEqual([plan.batch(1).length, plan.batch(2).length], [4, 2]);
});

test('a step’s batch depends on nothing that came before it', () => {
  const plan = new StepPlan(options);
  const forward = Array.from({ length: 9 }, (_, step) => plan.batch(step));
  const backward = Array.from({ length: 9 }, (_, step) => new StepPlan(options).batch(8 - step));
  assert.deepEqual(backward.reverse(), forward);
  assert.notDeepEqual(new StepPlan({ ...options, seed: 6 }).batch(0), forward[0]);
});

test('each place of the order is as likely for one example as for another', () => {
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
  const numTrials = 4_000;
  for (let seed = 0; seed < numTrials; seed++) {
    const order = new StepPlan({ numExamples: 4, batchSize: 4, numEpochs: 1, seed }).batch(0);
    order.forEach((example, place) => {
      counts[place]![example]!++;
    });
  }
  // Binomial with p = 1/4: standard deviation 27, five of them.
  for (const count of counts.flat()) assert.ok(Math.abs(count - numTrials / 4) < 137, String(count));
});

test('what is asked for stands; what is left open follows the number of examples', () => {
  const auto = { numEpochs: 'auto', batchSize: 'auto', rateMultiplier: 'auto', beta: 'auto' } as const;
  assert.deepEqual(chosen(auto, 1), { numEpochs: 10, batchSize: 1, rateMultiplier: 1, beta: 0.1 });
  assert.deepEqual(chosen(auto, 1_000), { numEpochs: 3, batchSize: 8, rateMultiplier: 1, beta: 0.1 });
  const asked = { numEpochs: 2, batchSize: 64, rateMultiplier: 0.5, beta: 0.3 };
  assert.deepEqual(chosen(asked, 100), asked);
  assert.equal(chosen(asked, 3).batchSize, 3);
});
