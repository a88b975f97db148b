/** The API against its own specification, by Schemathesis: it makes requests out of /openapi.json and holds the answers to it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stillServes } from '../api/gateway.ts';
import { startLearningGateway } from '../api/learning-gateway.ts';
import { serve } from '../e2e/program.ts';
import { fuzzSeed } from './trial.ts';

const program = process.env.MILLRACE_TEST_SCHEMATHESIS ?? '';
const skip = existsSync(program)
  ? false
  : 'MILLRACE_TEST_SCHEMATHESIS names no st of Schemathesis, see SECURITY.md';
const maxExamples = process.env.MILLRACE_TEST_SCHEMATHESIS_EXAMPLES ?? '25';
const limitMs = 280_000;

const scratch = mkdtempSync(join(tmpdir(), 'millrace-schemathesis-'));
after(() => rmSync(scratch, { recursive: true }));

/**
 * Left out: what is valid by its schema may still be refused, as a prompt that is longer than the context; and a method
 * that a path has not is answered as a path that is not there.
 */
const leftOut = ['positive_data_acceptance', 'unsupported_method'];

/** Resolves with what it said. Throws with that when it found something. */
function run(url: string, ...more: string[]): Promise<string> {
  const args = ['run', `${url}/openapi.json`, '--max-examples', maxExamples, '--seed', String(fuzzSeed)];
  const checks = ['--exclude-checks', leftOut.join(','), '--request-timeout', '20', '--no-color'];
  const child = spawn(program, [...args, ...checks, ...more], { cwd: scratch, timeout: limitMs });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(said);
      else reject(new Error(`it ended with ${code ?? signal}:\n${said.slice(-20_000)}`));
    });
  });
}

const summaryOf = (said: string): string =>
  said
    .slice(said.lastIndexOf('SUMMARY'))
    .replace(/[=\n]+/g, ' ')
    .trim();

test('with everything that learning adds', { skip, timeout: limitMs }, async (context) => {
  const secret = 'a key of the test';
  const sha256 = createHash('sha256').update(secret).digest('hex');
  const unlimited = { requestsPerMinute: 0, tokensPerMinute: 0, maxConcurrent: 0 };
  const keys = [
    { name: 'tester', sha256, scopes: ['inference' as const, 'versions' as const], ...unlimited },
  ];
  const gateway = await startLearningGateway({ tenants: ['tester'], keys, onProblem: () => {} });
  const authorization = `Bearer ${secret}`;
  try {
    context.diagnostic(summaryOf(await run(gateway.url, '--header', `Authorization: ${authorization}`)));
    await stillServes(gateway, { authorization });
  } finally {
    await gateway.close();
  }
});

test('the real program, without a model', { skip, timeout: limitMs }, async (context) => {
  const args = ['--model', 'null', '--models-embeddings=', '--port', '0', '--admin-port', '0'];
  const served = await serve(args, { cwd: scratch, startMs: 30_000 });
  try {
    context.diagnostic(summaryOf(await run(served.url)));
    assert.equal(served.child.exitCode, null);
  } finally {
    served.child.kill('SIGTERM');
    assert.equal(await served.exit, 0, served.said());
  }
});
