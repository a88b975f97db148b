import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { repoRoot } from '../root.ts';
import { chartFile, templates } from './chart.ts';

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

interface Stage {
  readonly name: string;
  /** An image, or the name of an earlier stage. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

const read = (name: string): string => readFileSync(join(repoRoot, name), 'utf8');

function instructionsOf(text: string): Instruction[] {
  const joined = text.replace(/^#.*\n/gm, '').replace(/\\\n/g, ' ');
  return joined
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [word, ...rest] = line.trim().split(/\s+/);
      return { word: word!, rest: rest.join(' ') };
    });
}

function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const starts = instructions.flatMap(({ word }, at) => (word === 'FROM' ? [at] : []));
  return starts.map((start, index) => {
    const [base, , name] = instructions[start]!.rest.split(' ');
    return { base: base!, name: name!, instructions: instructions.slice(start + 1, starts[index + 1]) };
  });
}

const instructions = instructionsOf(read('Dockerfile'));
const stages = stagesOf(instructions);
const server = stages.at(-1)!;
const all = (word: string, stage = server): string[] =>
  stage.instructions.filter((each) => each.word === word).map(({ rest }) => rest);

test('every stage has a name, and the last one, which a plain build makes, is the server', () => {
  assert.deepEqual(
    stages.map(({ name }) => name),
    ['manifests', 'build', 'packages', 'server'],
  );
});

test('bases are the pinnable one, or earlier stages', () => {
  const base = instructions.find(({ word }) => word === 'ARG')!.rest;
  assert.match(base, /^NODE_IMAGE=node:[\d.]+-\w+-slim$/);
  const names = ['${' + 'NODE_IMAGE}', ...stages.map(({ name }) => name)];
  for (const stage of stages) assert.ok(names.includes(stage.base), stage.base);
});

test('the base is a Node.js that the project runs on', () => {
  const tag = instructions.find(({ word }) => word === 'ARG')!.rest.split(':')[1]!;
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [wanted, has] = [engines.node, tag].map((text) => /(\d+)\.(\d+)/.exec(text)!.slice(1).map(Number));
  assert.ok(has![0]! > wanted![0]! || (has![0] === wanted![0] && has![1]! >= wanted![1]!), tag);
});

/** What a pattern of .dockerignore lets in, in the few forms that ours has. */
function isIgnored(path: string): boolean {
  const patterns = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return patterns.reduce((ignored, line) => {
    const pattern = line.replace(/^!/, '');
    const form = pattern
      .replaceAll('.', '\\.')
      .replaceAll('**/', '(.+/)?')
      .replaceAll(/(?<!\))\*/g, '[^/]*');
    return new RegExp(`^${form}(/|$)`).test(path) ? !line.startsWith('!') : ignored;
  }, false);
}

test('what is copied from the checkout is there, and is not ignored', () => {
  const sources = stages
    .flatMap((stage) => all('COPY', stage))
    .filter((rest) => !rest.startsWith('--from='))
    .flatMap((rest) => rest.split(' ').slice(0, -1));
  assert.ok(sources.length > 8);
  for (const source of sources) {
    assert.ok(existsSync(join(repoRoot, source)), `${source} is not there`);
    assert.ok(!isIgnored(source), `${source} is ignored`);
  }
});

test('tests, installed packages and state stay out of the build', () => {
  const strangers = ['node_modules', 'dist', 'models', 'state', '.git', 'server/shutdown.test.ts', 'var'];
  for (const path of [...strangers, 'server/node_modules', 'loadtest/peers/openvino_server.py'])
    assert.ok(isIgnored(path), path);
  assert.ok(!isIgnored('server/main.ts'));
});

test('what is copied from other stages comes from stages that there are', () => {
  const names = stages.map(({ name }) => name);
  for (const rest of all('COPY').filter((each) => each.startsWith('--from=')))
    assert.ok(names.includes(/^--from=(\w+)/.exec(rest)![1]!), rest);
});

test('packages come from the lockfile, and none runs a script', () => {
  const installs = stages
    .flatMap((stage) => all('RUN', stage))
    .filter((run) => /\bnpm (ci|i|install)\b/.test(run));
  assert.equal(installs.length, 2);
  for (const run of installs) assert.match(run, /^npm ci --ignore-scripts/);
});

test('every package of the workspace has its manifest copied before packages are installed', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: readonly string[] };
  const copied = all('COPY', stages[0]).map((rest) => rest.split(' ')[0]);
  for (const name of workspaces) assert.ok(copied.includes(`${name}/package.json`), name);
});

test('the server runs without privileges, behind an init, and says whether it is ready', () => {
  assert.deepEqual(all('USER'), ['10001:10001']);
  assert.deepEqual(JSON.parse(all('ENTRYPOINT')[0]!), ['tini', '--', 'millrace']);
  assert.deepEqual(JSON.parse(all('CMD')[0]!), ['serve']);
  const [check] = all('HEALTHCHECK');
  const command = JSON.parse(check!.slice(check!.indexOf('['))) as string[];
  assert.deepEqual(command.slice(0, 2), ['node', '-e']);
  assert.match(command[2]!, /\/health\/ready/);
  new Function(command[2]!);
});

test('image and chart mean the same user, port and folders', () => {
  const { podSecurityContext } = parse(chartFile('values.yaml')) as {
    podSecurityContext: Readonly<Record<string, unknown>>;
  };
  const [user, group] = all('USER')[0]!.split(':').map(Number);
  assert.deepEqual([podSecurityContext.runAsUser, podSecurityContext.runAsGroup], [user, group]);
  assert.ok(templates['_server.tpl']!.includes(`containerPort: ${all('EXPOSE')[0]}`));
  for (const folder of ['models', 'state'])
    assert.ok(templates['_helpers.tpl']!.includes(`${all('VOLUME')[0]}/${folder}{{`), folder);
  assert.ok(all('ENV')[0]!.includes('MILLRACE_CONFIG=/etc/millrace/millrace.yaml'));
  assert.deepEqual(all('ENV')[1], 'ORT_DISABLE_TELEMETRY=1');
});
