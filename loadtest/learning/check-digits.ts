/** The check digits that make an invented number look like a real one. */

/** ISO/IEC 7812-1: completes the sum, every second digit from the right doubled, to a multiple of ten. */
export function luhnDigit(body: string): string {
  const sum = [...body].reverse().reduce((total, character, index) => {
    const value = Number(character) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${(10 - (sum % 10)) % 10}`;
}

/** ISO 13616: 98 minus the remainder modulo 97, of the body followed by country and two zeros. */
export function ibanCheck(country: string, body: string): string {
  const letters = [...country].map((letter) => `${letter.charCodeAt(0) - 55}`).join('');
  return `${98n - (BigInt(`${body}${letters}00`) % 97n)}`.padStart(2, '0');
}

/** NHS Data Dictionary: weights 10 to 2, modulo 11; null where a number has no check digit. */
export function nhsDigit(body: string): string | null {
  const sum = [...body].reduce((total, digit, index) => total + Number(digit) * (10 - index), 0);
  const check = (11 - (sum % 11)) % 11;
  return check === 10 ? null : `${check}`;
}

/** ISO 7064, MOD 11-2: weights are powers of two from the right, ten is an X. */
export function mod11Radix2Character(body: string): string {
  const sum = [...body]
    .reverse()
    .reduce((total, digit, index) => total + Number(digit) * 2 ** (index + 1), 0);
  const check = (12 - (sum % 11)) % 11;
  return check === 10 ? 'X' : `${check}`;
}

/** ISO 7064, MOD 11,10. */
export function mod11And10Digit(body: string): string {
  let carry = 10;
  for (const digit of body) {
    const sum = (carry + Number(digit)) % 10;
    carry = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return `${(11 - carry) % 10}`;
}
