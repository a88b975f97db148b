/** Check digits: the arithmetic that tells a number of a kind from any other number. */

const zero = '0'.charCodeAt(0);

/** ISO/IEC 7812-1, annex B: every second digit from the right is doubled, the digit sum is a multiple of 10. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 1; place <= digits.length; place += 1) {
    const digit = digits.charCodeAt(digits.length - place) - zero;
    const doubled = place % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** ISO 13616-1: the first four characters go last, letters become 10 to 35, the number leaves 1 modulo 97. */
export function passesMod97(iban: string): boolean {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** ISO 7064, MOD 11-2, where X stands for 10. */
export function passesMod11Radix2(number: string): boolean {
  let sum = 0;
  for (const character of number) sum = (sum * 2 + (character === 'X' ? 10 : Number(character))) % 11;
  return sum === 1;
}

/** ISO 7064, MOD 11,10. */
export function passesMod11And10(digits: string): boolean {
  let product = 10;
  for (const digit of digits.slice(0, -1)) product = (((product + Number(digit)) % 10 || 10) * 2) % 11;
  return (product + Number(digits.at(-1))) % 10 === 1;
}

/** NHS Data Dictionary, "NHS number": weights 10 to 2, the check digit completes a multiple of 11. */
export function passesNhsMod11(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < 9; place += 1) sum += Number(digits[place]) * (10 - place);
  return (sum + Number(digits[9])) % 11 === 0;
}
