// `npm test`: installs what is missing, builds, runs every test, names the slow ones.
// `--only <text>` runs the files whose path contains the text.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec as SpecReporter } from 'node:test/reporters';
import { prepare, root } from './prepare.mjs';

const fileTimeoutMs = 300_000;
const slowMs = 1_000;
const maxSlowLines = 15;

const args = process.argv.slice(2);
const only = args[0] === '--only' ? args[1] : '';
if (only === undefined || args.length > (only === '' ? 0 : 2)) {
  process.stderr.write('usage: npm test [-- --only <part of a path>]\n');
  process.exit(2);
}

prepare();
const dist = join(root, 'dist');
// A compiled test whose source is gone is left over from an earlier build.
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js') && existsSync(join(root, name.replace(/\.js$/, '.ts'))))
  .filter((name) => name.includes(only))
  .sort();
if (files.length === 0) {
  process.stderr.write(`No test file's path contains "${only}".\n`);
  process.exit(1);
}
const concurrency = Math.min(2, availableParallelism());
process.stdout.write(`Running ${files.length} test files, ${concurrency} at a time.\n`);

const slow = [];
const startedMs = performance.now();
const isFileNode = (event) => event.name.endsWith('.test.js');

/** Runs the files; how many tests failed, in which of the files, and whether that is known of all. */
async function pass(names, numAtOnce) {
  const failed = new Set();
  let numFailed = 0;
  let isPlaced = true;
  const events = run({
    files: names.map((name) => join(dist, name)),
    concurrency: numAtOnce,
    timeout: fileTimeoutMs,
  });
  events.on('test:fail', (event) => {
    if (event.todo !== undefined) return;
    numFailed += 1;
    if (event.file === undefined) isPlaced = false;
    else failed.add(relative(dist, event.file));
  });
  events.on('test:pass', (event) => {
    const durationMs = event.details.duration_ms;
    if (durationMs < slowMs || isFileNode(event) || event.details.type === 'suite') return;
    slow.push({
      durationMs,
      name: event.name,
      file: event.file === undefined ? '' : relative(dist, event.file),
    });
  });
  const report = events.compose(new SpecReporter());
  for await (const text of report) process.stdout.write(text);
  return { numFailed, isPlaced, failed: names.filter((name) => failed.has(name)) };
}

/** Many tests start real processes and hold them to deadlines: a busy machine can break those of a few files. */
const maxAlone = 4;

const { failed, isPlaced, ...all } = await pass(files, concurrency);
let { numFailed } = all;
const passedAlone = [];
if (isPlaced && failed.length > 0 && failed.length <= maxAlone) {
  process.stdout.write(`\n${numFailed} failed. Once more, with nothing beside them: ${failed.join(', ')}\n`);
  const alone = await pass(failed, 1);
  passedAlone.push(...failed.filter((name) => !alone.failed.includes(name)));
  numFailed = alone.numFailed;
}
slow.sort((a, b) => b.durationMs - a.durationMs);
if (slow.length > 0) process.stdout.write(`\nSlower than ${slowMs / 1000} s:\n`);
for (const { durationMs, name, file } of slow.slice(0, maxSlowLines)) {
  process.stdout.write(`  ${(durationMs / 1000).toFixed(1).padStart(6)} s  ${name}  ${file}\n`);
}
if (passedAlone.length > 0) {
  process.stdout.write(`\nFailed beside others, passed alone (above): ${passedAlone.join(', ')}\n`);
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
process.stdout.write(`\n${numFailed === 0 ? 'All tests passed' : `${numFailed} failed`} in ${seconds} s.\n`);
process.exitCode = numFailed === 0 ? 0 : 1;
