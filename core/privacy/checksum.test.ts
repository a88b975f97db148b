import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passesLuhn, passesMod11And10, passesMod11Radix2, passesMod97, passesNhsMod11 } from './checksum.ts';

/** Examples that the standards and their keepers publish. */
const examples: readonly (readonly [string, (number: string) => boolean, string])[] = [
  ['ISO/IEC 7812-1', passesLuhn, '79927398713'],
  ['ISO 13616-1', passesMod97, 'GB82WEST12345698765432'],
  ['ISO 7064, MOD 11-2 (ORCID)', passesMod11Radix2, '0000000218250097'],
  ['ISO 7064, MOD 11-2 with X (GB 11643)', passesMod11Radix2, '11010519491231002X'],
  ['ISO 7064, MOD 11,10', passesMod11And10, '07945'],
  ['NHS Data Dictionary', passesNhsMod11, '9434765919'],
];

test('published examples pass, and with any other check digit they fail', () => {
  for (const [name, passes, number] of examples) {
    assert.ok(passes(number), name);
    const at = number.startsWith('GB') ? 3 : number.length - 1;
    for (const digit of '0123456789') {
      const other = number.slice(0, at) + digit + number.slice(at + 1);
      if (other !== number) assert.ok(!passes(other), `${name}: ${other}`);
    }
  }
});
