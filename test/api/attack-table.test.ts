/** The table of attacks is complete: each row is tried somewhere, by a test that is there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../root.ts';
import { type AttackId, attackIds, attackTable, type Proof } from './attack-table.ts';
import { bodyAttacks } from './body-attacks.ts';
import { transportAttacks } from './transport-attacks.ts';

const numIn = (table: readonly { readonly attack: AttackId | null }[], id: AttackId): number =>
  table.filter(({ attack }) => attack === id).length;

test('it has the rows T1 to T42, and no other', () => {
  assert.deepEqual(Object.keys(attackTable), attackIds);
});

for (const id of attackIds) {
  const { what, proofs = [], not } = attackTable[id]!;
  test(`${id}, ${what}: is tried${not === undefined ? '' : ', or cannot be'}`, (context) => {
    const numBodies = numIn(bodyAttacks, id);
    const numTransports = numIn(transportAttacks, id);
    for (const proof of proofs) assert.ok(isThere(proof), `${proof[0]} has no test "${proof[1]}"`);
    assert.ok(numBodies + numTransports + proofs.length > 0 || not !== undefined, 'nothing tries it');
    context.diagnostic(`${numBodies} bodies, ${numTransports} on the wire, ${proofs.length} other tests`);
  });
}

/** As the file spells it: names that are made of a table stand there with their places for it. */
function isThere([file, name]: Proof): boolean {
  const text = readFileSync(join(repoRoot, file), 'utf8');
  const spelled = name.replaceAll('{', '${');
  return [`'${spelled}`, `"${spelled}`, `\`${spelled}`].some((beginning) =>
    text.includes(`test(${beginning}`),
  );
}
