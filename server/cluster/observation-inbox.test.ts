import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/until.ts';
import { FakeObservations } from './fake-observations.ts';
import { ObservationInbox } from './observation-inbox.ts';

const observed = (id: string) => ({ id, observation: id });

test('what comes is handed on once, however often it comes', async () => {
  const channel = new FakeObservations<string>(100);
  const taken: string[] = [];
  const inbox = new ObservationInbox(
    channel,
    (observation) => taken.push(observation),
    () => true,
  );
  await channel.append([observed('a'), observed('b')]);
  await channel.append([observed('b'), observed('c')]);
  await until(() => taken.length >= 3);
  await inbox.close();
  assert.deepEqual(taken, ['a', 'b', 'c']);
});

test('who may not take leaves everything to who may', async () => {
  const channel = new FakeObservations<string>(100);
  const [standby, leader]: [string[], string[]] = [[], []];
  const idle = new ObservationInbox(
    channel,
    (observation) => standby.push(observation),
    () => false,
  );
  await channel.append([observed('a')]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const inbox = new ObservationInbox(
    channel,
    (observation) => leader.push(observation),
    () => true,
  );
  await until(() => leader.length === 1);
  await Promise.all([idle.close(), inbox.close()]);
  assert.deepEqual(standby, []);
});
