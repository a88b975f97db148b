import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { cpuMax, groupLimit, usableCpus } from './usable-cpus.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-cpus-'));
after(() => rmSync(scratch, { recursive: true }));

const texts: readonly (readonly [text: string, cpus: number | null])[] = [
  ['max 100000\n', null],
  ['100000 100000\n', 1],
  ['150000 100000', 1.5],
  ['25000 50000', 0.5],
  ['', null],
  ['0 100000', null],
  ['-1 100000', null],
  ['100000', null],
  ['100000 0', null],
  ['many few', null],
];
for (const [text, cpus] of texts) {
  test(`cpu.max of ${JSON.stringify(text)} is ${cpus ?? 'no limit'}`, () => assert.equal(cpuMax(text), cpus));
}

let numRoots = 0;
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = join(scratch, String(numRoots++));
  mkdirSync(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const v1 = (folder: string, quota: string, period = '100000') => ({
  [`${folder}/cpu.cfs_quota_us`]: `${quota}\n`,
  [`${folder}/cpu.cfs_period_us`]: `${period}\n`,
});
const v1Membership = '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n';

const groups: readonly (readonly [
  name: string,
  files: Readonly<Record<string, string>>,
  membership: string,
  cpus: number | null,
])[] = [
  ['its own group, version 2', { 'a/b/cpu.max': '200000 100000' }, '0::/a/b\n', 2],
  ['the container as it sees itself', { 'cpu.max': '150000 100000' }, '0::/\n', 1.5],
  ['a path of the host that is not there', { 'cpu.max': '150000 100000' }, '0::/kubepods/pod1/c\n', 1.5],
  [
    'the smallest of the groups around it',
    { 'a/cpu.max': '50000 100000', 'a/b/cpu.max': 'max 100000', 'a/b/c/cpu.max': '300000 100000' },
    '0::/a/b/c\n',
    0.5,
  ],
  ['no limit at all', { 'a/cpu.max': 'max 100000' }, '0::/a\n', null],
  ['version 1 under the names of its controllers', v1('cpu,cpuacct/docker/abc', '300000'), v1Membership, 3],
  ['version 1 under the name "cpu", in a container', v1('cpu', '50000', '25000'), v1Membership, 2],
  ['version 1 without a limit', v1('cpu', '-1'), v1Membership, null],
  ['nothing that it understands', { 'cpu.max': '100000 100000' }, 'no groups here', null],
];
for (const [name, files, membership, cpus] of groups) {
  test(`the limit is that of ${name}`, () =>
    assert.equal(groupLimit({ root: rootWith(files), membership }), cpus));
}

test('there is at least one CPU, and never more than the process is scheduled on', () => {
  assert.ok(Number.isInteger(usableCpus()));
  assert.ok(usableCpus() >= 1 && usableCpus() <= availableParallelism());
});
