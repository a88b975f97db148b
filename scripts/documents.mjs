// `npm run docs`: writes the documents that are derived from declarations. test/documents.test.ts compares them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const { derivedDocuments } = await import(
  pathToFileURL(join(root, 'dist', 'test', 'derived-documents.js')).href
);
mkdirSync(join(root, 'docs'), { recursive: true });
for (const [name, text] of Object.entries(await derivedDocuments()))
  writeFileSync(join(root, 'docs', name), text);
