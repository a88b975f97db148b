// `helm test`: the API is ready, asks for keys where it should, and answers who has one; servers that are named after all else
// are ready and reach Redis.
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const [api, model, keys, keyFile = '/run/secrets/millrace-client/key', ...sharing] = process.argv.slice(2);
const readyMs = 240_000;
const answerMs = 30_000;

const key = await readFile(keyFile, 'utf8').then(
  (text) => text.trim(),
  () => null,
);

function call(path, { at = api, body, withKey = true } = {}) {
  const headers = { 'content-type': 'application/json' };
  if (withKey && key !== null) headers.authorization = `Bearer ${key}`;
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return fetch(`${at}${path}`, { ...init, headers, signal: AbortSignal.timeout(answerMs) });
}

function expect(what, isTrue) {
  console.log(`${isTrue ? 'ok' : 'NOT'}: ${what}`);
  if (!isTrue) process.exit(1);
}

const isReady = (at) =>
  call('/health/ready', { at }).then(
    ({ ok }) => ok,
    () => false,
  );

const untilMs = performance.now() + readyMs;
for (const at of new Set([api, ...sharing])) {
  while (!(await isReady(at)) && performance.now() < untilMs) await setTimeout(1_000);
  expect(`${at} is ready`, await isReady(at));
}
if (keys === 'asked') {
  const { status } = await call('/v1/models', { withKey: false });
  expect('without a key it answers 401', status === 401);
}
if (keys === 'open' || key !== null) {
  const models = await (await call('/v1/models')).json();
  expect(`${model} is served`, models.data?.some(({ id }) => id === model) === true);
  const answer = await call('/v1/completions', { body: { model, prompt: 'A mill race', max_tokens: 1 } });
  expect('it completes a text', answer.ok && (await answer.json()).choices.length === 1);
  for (const at of sharing) {
    const metrics = await (await call('/metrics', { at })).text();
    expect(`${at} reaches Redis`, /^millrace_redis_up 1$/m.test(metrics));
  }
}
