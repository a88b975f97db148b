/**
 * The rules of the source tree that a compiler does not know, as functions from files to complaints.
 * Knows nothing of the disk: test/tidy.test.ts reads the real tree and made-up ones.
 */

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/**
 * What each folder may import of ours; itself is always allowed. Tests are free. A folder that is not listed is a
 * complaint, so that a new one gets its rule on the day it appears.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  'server/config': ['core'],
  'server/pull': ['core'],
  'server/batching': ['core'],
  'server/models': ['core', 'server/batching'],
  'server/feedback': ['core'],
  'server/memory': ['core'],
  'server/rollout': ['core', 'server/batching'],
  'server/jobs': ['core'],
  'server/cluster': ['core', 'server/feedback'],
  'server/redis': ['core', 'server/admission', 'server/cluster'],
  'server/learning': [
    'core',
    'server/feedback',
    'server/memory',
    'server/rollout',
    'server/jobs',
    'server/cluster',
  ],
  'server/observability': ['core', 'server/batching', 'server/cluster'],
  'server/admission': ['core', 'server/batching'],
  'server/completion': ['core', 'server/batching', 'server/admission', 'server/observability'],
  'server/http': [
    'core',
    'server/batching',
    'server/admission',
    'server/observability',
    'server/completion',
    'server/feedback',
    'server/memory',
    'server/rollout',
    'server/jobs',
    'server/learning',
  ],
  'server/cli': ['core', 'server'],
  'server/main.ts': ['core', 'server'],
  'server/engine.ts': ['core', 'server'],
  'server/served-models.ts': ['core', 'server'],
  'server/default-model.ts': ['core', 'server'],
  'server/base-swap.ts': ['core', 'server'],
  'server/learning-setup.ts': ['core', 'server'],
  'server/cluster-setup.ts': ['core', 'server'],
  'server/replica-setup.ts': ['core', 'server'],
  'server/version-travel.ts': ['core', 'server'],
  'server/telemetry-setup.ts': ['core', 'server'],
  'server/learning-telemetry.ts': ['core', 'server'],
  'server/program-version.ts': [],
  'server/null-model.ts': ['core', 'server'],
  'server/shutdown.ts': ['core'],
  'trainer/autodiff': ['core'],
  'trainer/train': ['core', 'trainer/autodiff'],
  'trainer/examples': ['core', 'trainer/train'],
  'trainer/curate': ['core', 'trainer/examples'],
  'trainer/replay': ['core', 'trainer/examples'],
  'trainer/anchors': ['core', 'trainer/train', 'trainer/examples'],
  'trainer/model': ['core', 'trainer/train', 'trainer/examples', 'trainer/anchors'],
  'trainer/learn': [
    'core',
    'trainer/train',
    'trainer/examples',
    'trainer/anchors',
    'trainer/model',
    'trainer/replay',
  ],
  'trainer/gate': [
    'core',
    'trainer/train',
    'trainer/examples',
    'trainer/anchors',
    'trainer/model',
    'trainer/learn',
  ],
  'trainer/publish': ['core', 'trainer/train', 'trainer/model'],
  'trainer/jobs': [
    'core',
    'trainer/train',
    'trainer/examples',
    'trainer/model',
    'trainer/learn',
    'trainer/publish',
  ],
  'trainer/consolidate': [
    'core',
    'trainer/train',
    'trainer/examples',
    'trainer/anchors',
    'trainer/model',
    'trainer/learn',
    'trainer/gate',
  ],
  'trainer/loop': ['core', 'trainer'],
  'trainer/main.ts': ['core', 'trainer'],
  loadtest: [],
  test: ['core', 'server', 'trainer', 'loadtest'],
};

const maxSourceLines = 400;
const longSourceLines = 300;
const maxTestLines = 600;
const refusedWords = ['manager', 'helper', 'helpers', 'util', 'utils', 'common', 'misc', 'service'];
const refusedType = /\b(?:class|interface|type|function)\s+(\w*(?:Manager|Helper|Utils?|Misc|Service))\b/g;
const machinePath = /(?:^|[\s"'`(=:])(\/(?:root|work|Users)\/[\w./-]*)/gm;
const unfinished = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`, 'g');

const isCode = (path: string): boolean => path.endsWith('.ts');
const isTest = (path: string): boolean => path.startsWith('test/') || path.endsWith('.test.ts');

/** Specifiers of all imports and re-exports. */
export function importsOf(text: string): string[] {
  const pattern =
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

/** Path of a relative import, "server/http/app.ts"; null for a package or a builtin. */
function resolveImport(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** The key of `mayImport` that rules a file; null when none does. */
function ruleOf(path: string): string | null {
  return Object.keys(mayImport).find((folder) => isWithin(path, folder)) ?? null;
}

function importComplaints(files: readonly SourceFile[]): string[] {
  const complaints: string[] = [];
  for (const { path, text } of files) {
    if (isTest(path)) continue;
    const rule = ruleOf(path);
    if (rule === null) {
      complaints.push(`${path}: its folder has no import rule in test/tidy.ts`);
      continue;
    }
    for (const specifier of importsOf(text)) {
      const target = resolveImport(path, specifier);
      if (target === null || [rule, ...mayImport[rule]!].some((folder) => isWithin(target, folder))) continue;
      complaints.push(`${path}: ${rule} must not import ${target}`);
    }
  }
  return complaints;
}

/** "@scope/name/sub" → "@scope/name". */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `declared` maps a workspace to the packages its package.json lists. */
function packageComplaints(
  files: readonly SourceFile[],
  declared: Readonly<Record<string, readonly string[]>>,
): string[] {
  const complaints: string[] = [];
  const owners = new Map<string, Set<string>>();
  for (const { path, text } of files.filter((file) => !isTest(file.path))) {
    const [workspace, folder] = path.split('/') as [string, string];
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const name = packageName(specifier);
      if (!declared[workspace]?.includes(name))
        complaints.push(`${path}: ${workspace}/package.json does not list ${name}`);
      const key = `${workspace}: ${name}`;
      owners.set(
        key,
        (owners.get(key) ?? new Set()).add(workspace === 'loadtest' ? workspace : `${workspace}/${folder}`),
      );
    }
  }
  for (const [key, folders] of owners) {
    if (folders.size > 1) complaints.push(`${key} has several owners: ${[...folders].sort().join(', ')}`);
  }
  return complaints;
}

function cycleComplaints(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map(
      ({ path, text }) => [path, importsOf(text).map((specifier) => resolveImport(path, specifier))] as const,
    ),
  );
  const complaints: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) complaints.push(`import cycle: ${[...trail.slice(start), path].join(' → ')}`);
    if (start >= 0 || finished.has(path)) return;
    for (const target of edges.get(path) ?? []) if (target !== null) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return complaints;
}

function codeComplaints({ path, text }: SourceFile): string[] {
  const complaints: string[] = [];
  const numLines = text.split('\n').length - 1;
  const max = isTest(path) ? maxTestLines : maxSourceLines;
  if (numLines > max) complaints.push(`${path}: ${numLines} lines, at most ${max}`);
  if (/^export default\b/m.test(text)) complaints.push(`${path}: has a default export`);
  for (const match of text.matchAll(refusedType))
    complaints.push(`${path}: the name ${match[1]} says nothing`);
  if (/\bprocess\.env\b/.test(text) && !isTest(path) && !isWithin(path, 'server/config'))
    complaints.push(`${path}: process.env is read in server/config only`);
  return complaints;
}

function textComplaints({ path, text }: SourceFile): string[] {
  // A template is named after the kind of Kubernetes' that it makes.
  const words = isWithin(path, 'helm/templates') ? [] : path.toLowerCase().split(/[/.-]/);
  return [
    ...refusedWords
      .filter((word) => words.includes(word))
      .map((word) => `${path}: "${word}" in a name says nothing`),
    ...[...text.matchAll(machinePath)].map((match) => `${path}: ${match[1]} is a path of one machine`),
    ...[...text.matchAll(unfinished)].map((match) => `${path}: ${match[1]}: finish it or drop it`),
  ];
}

/** To the second level. */
function foldersOf(files: readonly SourceFile[]): Set<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= Math.min(2, parts.length); depth += 1)
      folders.add(parts.slice(0, depth).join('/'));
  }
  return folders;
}

/** Folders of code that the text does not name, and rows of its table that describe none, nor the chart. */
function architectureComplaints(files: readonly SourceFile[], architecture: string): string[] {
  const folders = foldersOf(files.filter(({ path }) => isCode(path)));
  const there = new Set([...folders, ...foldersOf(files.filter(({ path }) => isWithin(path, 'helm')))]);
  const rows = [...architecture.matchAll(/^\| `([\w/-]+)\/`/gm)].map((match) => match[1]!);
  return [
    ...[...folders]
      .filter((folder) => !architecture.includes(`${folder}/`))
      .map((folder) => `ARCHITECTURE.md does not name ${folder}/`),
    ...rows
      .filter((row) => !there.has(row))
      .map((row) => `ARCHITECTURE.md describes ${row}/, which has no code`),
  ];
}

export interface Tree {
  /** All text files of the project: code, scripts, documents. */
  readonly files: readonly SourceFile[];
  /** Workspace → packages that its package.json lists as dependencies. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

/** Everything that is wrong with the tree, one line each. */
export function complaintsAbout({ files, dependencies }: Tree): string[] {
  const code = files.filter((file) => isCode(file.path));
  const architecture = files.find((file) => file.path === 'ARCHITECTURE.md')?.text ?? '';
  return [
    ...importComplaints(code),
    ...packageComplaints(code, dependencies),
    ...cycleComplaints(code),
    ...code.flatMap(codeComplaints),
    ...files.flatMap(textComplaints),
    ...architectureComplaints(files, architecture),
  ];
}

/** Files that are allowed but long: a reason to look again. */
export function longFiles({ files }: Tree): string[] {
  return files
    .filter(
      ({ path, text }) => isCode(path) && !isTest(path) && text.split('\n').length - 1 > longSourceLines,
    )
    .map(({ path }) => path);
}
