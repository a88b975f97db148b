/** What is installed beside the project's own code: pinned, licensed, without scripts, for the Node.js that is promised. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './root.ts';
import { importsOf } from './tidy.ts';

interface Package {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(repoRoot, path), 'utf8')) as T;
const lock = readJson<{ lockfileVersion: number; packages: Readonly<Record<string, Package>> }>(
  'package-lock.json',
);
const own = Object.entries(lock.packages).filter(([path]) => !path.startsWith('node_modules/'));
const foreign = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.startsWith('node_modules/') && link !== true,
);

/** What may be shipped and changed with the project, and asks for no more than to be named. */
const licences = new Set([
  'Apache-2.0',
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Zlib',
  'CC0-1.0',
]);

/** "(MIT OR CC0-1.0)", "MIT AND Zlib": of what may be chosen one must be allowed, of what holds together all must. */
function isAllowed(expression: string): boolean {
  const text = expression.replace(/^\((.*)\)$/, '$1');
  if (text.includes(' OR ')) return text.split(' OR ').some(isAllowed);
  return text.split(' AND ').every((licence) => licences.has(licence));
}

/** Their scripts are not run either: the runtime's library is in the package. */
const mayHaveScripts: readonly string[] = ['node_modules/onnxruntime-node'];

test('every package is pinned by its digest', () => {
  assert.equal(lock.lockfileVersion, 3);
  assert.ok(foreign.length > 100);
  const unpinned = foreign.filter(
    ([, { version, integrity }]) => !version || !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''),
  );
  assert.deepEqual(
    unpinned.map(([path]) => path),
    [],
  );
});

test('no package names where it is fetched from: whoever installs chooses the registry', () => {
  assert.deepEqual(
    foreign.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  );
});

test('every package comes from a registry, by a version', () => {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const;
  const strange = Object.entries(lock.packages).flatMap(([path, entry]) =>
    kinds.flatMap((kind) =>
      Object.entries(entry[kind] ?? {})
        .filter(([, range]) => /[:/]/.test(range))
        .map(([name, range]) => `${path || 'the project'}: ${name} ${range}`),
    ),
  );
  assert.deepEqual(strange, []);
});

test('every licence allows what is done', () => {
  const others = foreign.filter(([, { license = '' }]) => !isAllowed(license));
  assert.deepEqual(
    others.map(([path, { license }]) => `${path}: ${license}`),
    [],
  );
  for (const licence of ['GPL-3.0', '', 'UNLICENSED', 'MIT AND GPL-2.0', 'SSPL-1.0'])
    assert.ok(!isAllowed(licence));
});

test('no package runs a script when it is installed', () => {
  const scripted = foreign
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path);
  assert.deepEqual(scripted, mayHaveScripts);
  for (const [file, pattern] of [
    ['scripts/prepare.mjs', /\['ci'[^\]]*\]/g],
    ['Dockerfile', /npm ci\b[^\n]*/g],
  ] as const) {
    const installs = readFileSync(join(repoRoot, file), 'utf8').match(pattern) ?? [];
    assert.ok(installs.length > 0, file);
    for (const install of installs) assert.match(install, /--ignore-scripts/, file);
  }
});

/** Whether ">=18", "^18.19.0 || >=20.6.0", "10.* || >= 12.*" or ">=9.4.0 || ^8.9.4" take 20.19.0. */
function admits(range: string): boolean {
  return range
    .replace(/([<>=^~])\s+/g, '$1')
    .split('||')
    .some((part) => part.trim().split(/\s+/).every(holds));
}

const promised = [20, 19, 0];

function holds(comparison: string): boolean {
  const [, operator = '', text = ''] = /^([<>=^~]*)v?([\d.x*]*)$/.exec(comparison) ?? [];
  if (text === '' || text === '*') return comparison !== '';
  const given = text
    .split('.')
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
  const order =
    promised.map((part, index) => part - (given[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
  if (operator === '>=') return order >= 0;
  if (operator === '>') return order > 0;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  const numFixed = operator === '^' ? 1 : operator === '~' ? Math.min(2, given.length) : given.length;
  return order >= 0 && given.slice(0, numFixed).every((part, index) => part === promised[index]);
}

test('every package runs on the oldest Node.js that is promised', () => {
  const { engines } = readJson<Package>('package.json');
  assert.equal(engines?.node, `>=${promised.slice(0, 2).join('.')}`);
  for (const range of ['>=22', '^18', '>=21.0.0 <23', '19.*', '<20', '~20.18'])
    assert.ok(!admits(range), range);
  for (const range of [
    '>=18',
    '^20.0.0',
    '18 || 20 || >=22',
    '>= 0.4',
    '20.x',
    '*',
    '^16 || ^18 || >=20',
    '>=20 <23',
    '~20.19',
  ])
    assert.ok(admits(range), range);
  const others = foreign.filter(([, entry]) => !admits(entry.engines?.node ?? '*'));
  assert.deepEqual(
    others.map(([path, entry]) => `${path}: ${entry.engines?.node}`),
    [],
  );
});

test('fastify is one that reads content types as they are', () => {
  const [major = 0, minor = 0, patch = 0] =
    lock.packages['node_modules/fastify']!.version!.split('.').map(Number);
  assert.ok(
    major > 5 || (major === 5 && (minor > 8 || (minor === 8 && patch >= 1))),
    `${major}.${minor}.${patch}`,
  );
});

test('the lockfile is of the packages that are asked for', () => {
  for (const [path, entry] of own) {
    const asked = readJson<Package>(join(path, 'package.json'));
    assert.deepEqual(entry.dependencies ?? {}, asked.dependencies ?? {}, path || 'the project');
    assert.deepEqual(entry.devDependencies ?? {}, asked.devDependencies ?? {}, path || 'the project');
  }
});

/** What opens sockets. Of node:net, what reads addresses does not. */
const networked = /^node:(http|https|http2|dgram|tls|inspector|cluster)$/;
const netImport = /import (?:type )?\{([^}]*)\} from 'node:net'/g;
const readsAddresses = new Set(['isIP', 'isIPv4', 'isIPv6', 'BlockList']);
const hasNoNetwork = [
  'core',
  'trainer',
  'server/models',
  'server/batching',
  'server/memory',
  'server/feedback',
  'server/rollout',
  'server/jobs',
];

test('neither the trainer nor an engine host can open a socket of its own', () => {
  const files = hasNoNetwork.flatMap((folder) =>
    readdirSync(join(repoRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
  assert.ok(files.length > 200);
  assert.deepEqual(
    files.filter((file) => opensSockets(readFileSync(join(repoRoot, file), 'utf8'))),
    [],
  );
  for (const text of [
    "import { connect } from 'node:net';",
    "import * as net from 'node:net';",
    'await fetch(url)',
  ])
    assert.ok(opensSockets(text));
});

/** The global one, and none that was handed in. */
const callsFetch = (text: string): boolean =>
  /\bfetch\(/.test(text) && !/\bfetch: |[{,]\s*fetch\s*[,}]/.test(text);

function opensSockets(text: string): boolean {
  const specifiers = importsOf(text);
  if (
    specifiers.some((specifier) => networked.test(specifier)) ||
    callsFetch(text) ||
    /\bWebSocket\b/.test(text)
  )
    return true;
  const numNet = specifiers.filter((specifier) => specifier === 'node:net').length;
  const named = [...text.matchAll(netImport)].map((match) => match[1]!.split(',').map((name) => name.trim()));
  return numNet > named.length || named.flat().some((name) => name !== '' && !readsAddresses.has(name));
}
