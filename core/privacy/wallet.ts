/** Wallet addresses: Bitcoin's base58check and bech32 with their checksums, Ethereum's by form. */
import { createHash } from 'node:crypto';
import { patternRecogniser } from './recogniser.ts';

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const bech32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

export const base58Wallet = patternRecogniser({
  kind: 'wallet',
  pattern: /(?<![A-Za-z0-9])[13][1-9A-HJ-NP-Za-km-z]{25,34}(?![A-Za-z0-9])/g,
  accepts: (value) => passesBase58Check(value),
});

export const bech32Wallet = patternRecogniser({
  kind: 'wallet',
  pattern: /(?<![A-Za-z0-9])bc1[02-9ac-hj-np-z]{11,71}(?![A-Za-z0-9])/g,
  accepts: (value) => passesBech32(value),
});

/** Keccak, which the checksum of EIP-55 needs, is not in Node; addresses of one digit only are nobody's. */
export const ethereumWallet = patternRecogniser({
  kind: 'wallet',
  pattern: /(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])/g,
  accepts: (value) => new Set(value.slice(2).toLowerCase()).size > 4,
});

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Bitcoin wiki, "Base58Check encoding": version, 20 bytes, the first 4 bytes of the double SHA-256 of both. */
function passesBase58Check(address: string): boolean {
  let number = 0n;
  for (const character of address) number = number * 58n + BigInt(base58.indexOf(character));
  const hex = number.toString(16);
  if (hex.length > 50) return false;
  const bytes = Buffer.from(hex.padStart(50, '0'), 'hex');
  return sha256(sha256(bytes.subarray(0, 21)))
    .subarray(0, 4)
    .equals(bytes.subarray(21));
}

const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const [bech32Residue, bech32mResidue] = [1, 0x2bc830a3];

/** BIP 173 and BIP 350: a BCH code over 5-bit groups, here with the prefix "bc". */
function passesBech32(address: string): boolean {
  const prefix = [3, 3, 0, 2, 3];
  const values = [...prefix, ...[...address.slice(3)].map((character) => bech32.indexOf(character))];
  let residue = 1;
  for (const value of values) {
    const top = residue >>> 25;
    residue = ((residue & 0x1ffffff) << 5) ^ value;
    generator.forEach((term, bit) => {
      if ((top >>> bit) & 1) residue ^= term;
    });
  }
  return residue === bech32Residue || residue === bech32mResidue;
}
