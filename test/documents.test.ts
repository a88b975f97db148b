import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { derivedDocuments } from './derived-documents.ts';
import { repoRoot } from './root.ts';

for (const [name, text] of Object.entries(await derivedDocuments())) {
  test(`docs/${name} says what the code declares (else: npm run docs)`, () => {
    assert.equal(readFileSync(join(repoRoot, 'docs', name), 'utf8'), text);
  });
}
