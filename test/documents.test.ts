import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { derivedDocuments } from './derived-documents.ts';
import { repoRoot } from './root.ts';

for (const [path, text] of Object.entries(await derivedDocuments())) {
  test(`${path} says what the code declares (else: npm run docs)`, () => {
    assert.equal(readFileSync(join(repoRoot, path), 'utf8'), text);
  });
}
