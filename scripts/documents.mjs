// `npm run docs`: writes the documents that are derived from declarations. test/documents.test.ts compares them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const { derivedDocuments } = await import(
  pathToFileURL(join(root, 'dist', 'test', 'derived-documents.js')).href
);
for (const [path, text] of Object.entries(await derivedDocuments())) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
