import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './root.ts';
import { complaintsAbout, importsOf, longFiles, type SourceFile, type Tree } from './tidy.ts';

const roots = ['core', 'server', 'trainer', 'loadtest', 'test', 'scripts', 'docs', 'helm', '.ci'];
const textFile = /\.(ts|mjs|js|py|sh|md|json|yaml|yml|svg)$|^\.ci\/run$|Dockerfile$/;
const skipped = /(^|\/)(fixtures|node_modules|dist|goldens)\//;

function readTree(): Tree {
  const names = roots.flatMap((root) =>
    readdirSync(join(repoRoot, root), { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)),
  );
  const top = readdirSync(repoRoot).filter((name) => name !== 'package-lock.json');
  const paths = [...names, ...top].map((name) => name.split(sep).join('/'));
  const files = paths
    .filter((path) => textFile.test(path) && !skipped.test(path))
    .map((path): SourceFile => ({ path, text: readFileSync(join(repoRoot, path), 'utf8') }));
  const dependencies = Object.fromEntries(
    ['core', 'server', 'trainer', 'loadtest'].map((workspace) => {
      const manifest: { dependencies?: Record<string, string> } = JSON.parse(
        readFileSync(join(repoRoot, workspace, 'package.json'), 'utf8'),
      );
      return [workspace, Object.keys(manifest.dependencies ?? {})] as const;
    }),
  );
  return { files, dependencies };
}

test('the tree keeps its rules', (context) => {
  const tree = readTree();
  assert.ok(tree.files.length > 50, 'the tree was found');
  for (const path of longFiles(tree)) context.diagnostic(`${path} is long; can it be two?`);
  assert.deepEqual(complaintsAbout(tree), []);
});

/** Complaints about a made-up tree. */
function about(files: Readonly<Record<string, string>>, dependencies: Tree['dependencies'] = {}): string[] {
  const named = {
    'ARCHITECTURE.md': 'core/ core/onnx/ server/ server/http/ server/models/ loadtest/ test/ test/e2e/',
    ...files,
  };
  return complaintsAbout({
    files: Object.entries(named).map(([path, text]) => ({ path, text })),
    dependencies,
  });
}

test('a tree that keeps the rules gives no complaint', () => {
  const files = {
    'core/onnx/graph.ts': "import { x } from '../errors.ts';\nimport 'node:fs';",
    'server/http/app.ts': "import type { A } from '../../core/errors.ts';\nimport fastify from 'fastify';",
    'server/main.ts': "import { a } from './http/app.ts';\nimport { b } from './models/host.ts';",
    'server/http/app.test.ts': "import { host } from '../models/host.ts';\nprocess.env.PATH;",
  };
  assert.deepEqual(about(files, { server: ['fastify'] }), []);
});

test('each broken rule gives its complaint', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'core/onnx/a.ts',
      "import { x } from '../../server/http/app.ts';",
      /core must not import server\/http\/app\.ts/,
    ],
    [
      'server/http/a.ts',
      "import type {\n  X,\n} from '../models/x.ts';",
      /server\/http must not import server\/models\/x\.ts/,
    ],
    ['server/http/a.ts', "const x = await import('../models/x.ts');", /must not import server\/models/],
    ['server/http/a.ts', "export { x } from '../models/x.ts';", /must not import server\/models/],
    ['loadtest/a.ts', "import { x } from '../core/clock.ts';", /loadtest must not import core\/clock\.ts/],
    ['server/new/a.ts', '', /server\/new\/a\.ts: its folder has no import rule/],
    ['server/new/a.ts', '', /ARCHITECTURE\.md does not name server\/new\//],
    ['core/onnx/a.ts', "import x from 'left-pad';", /core\/package\.json does not list left-pad/],
    ['core/onnx/a.ts', "import x from '@a/b/c';", /does not list @a\/b$/],
    ['core/onnx/a.ts', "import x from 'fs';", /does not list fs/],
    ['core/onnx/a.ts', 'const x = process.env.HOME;', /process\.env is read in server\/config only/],
    ['core/onnx/a.ts', 'export default 1;', /has a default export/],
    ['core/onnx/a.ts', `class Model${'Manager'} {}`, /the name Model\w+ says nothing/],
    ['core/onnx/string-utils.ts', '', /"utils" in a name/],
    ['core/onnx/a.ts', 'x\n'.repeat(401), /401 lines, at most 400/],
    ['test/e2e/a.test.ts', 'x\n'.repeat(601), /601 lines, at most 600/],
    ['docs/x.md', `see "${['', 'root', 'x'].join('/')}"`, /\/root\/x is a path of one machine/],
    ['ARCHITECTURE.md', '| `core/gone/` | nothing |', /describes core\/gone\/, which has no code/],
    ['docs/x.md', ['TO', 'DO'].join(''), /finish it or drop it/],
  ];
  for (const [path, text, expected] of cases) {
    assert.ok(
      about({ [path]: text }).some((line) => expected.test(line)),
      `${path}: ${expected}`,
    );
  }
});

test('a package with two owners in one workspace, and an import cycle, are complained about', () => {
  const twice = about(
    { 'server/http/a.ts': "import x from 'p';", 'server/models/b.ts': "import x from 'p';" },
    { server: ['p'] },
  );
  assert.deepEqual(twice, ['server: p has several owners: server/http, server/models']);
  const cycle = about({
    'core/a.ts': "import './b.ts';",
    'core/b.ts': "import { c } from './c.ts';",
    'core/c.ts': "import type { A } from './a.ts';",
  });
  assert.deepEqual(cycle, ['import cycle: core/a.ts → core/b.ts → core/c.ts → core/a.ts']);
});

test('imports are found in every form, and only there', () => {
  const text = `import a from 'a';\nimport 'b';\nimport { c,\n  d } from "c";\nexport * from './d.ts';\nawait import('e');\nconst text = "from 'f'";`;
  assert.deepEqual(importsOf(text), ['a', 'b', 'c', './d.ts', 'e']);
});
