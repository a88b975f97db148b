import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { until } from '../../test/until.ts';
import type { FromHost } from './host-messages.ts';
import { HostProcess } from './host-process.ts';

type Ready = Extract<FromHost, { kind: 'ready' }>;

test('a host that says what it should not is ended, and another takes its place', async () => {
  const said: string[] = [];
  const gone: string[] = [];
  const log = (message: string): void => void said.push(message);
  const host = new HostProcess<FromHost, Ready>(
    { clock: systemClock, startTimeoutMs: 10_000, log },
    {
      entry: 'garbage-host.js',
      load: () => ({ kind: 'load' }),
      onReady: () => {},
      // As those that listen do: they take for granted what the types say.
      onMessage: (message) => void (message as Extract<FromHost, { kind: 'events' }>).events.length,
      onGone: (reason) => void gone.push(reason),
    },
  );
  try {
    await host.start();
    await until(() => gone.length >= 1 && host.restarts >= 1);
    assert.ok(
      said.some((line) => /cannot be understood/.test(line)),
      said.join('\n'),
    );
    assert.match(gone[0]!, /SIGKILL/);
  } finally {
    await host.close();
  }
});
