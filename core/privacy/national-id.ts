/** Numbers that states give to people. Without a check digit, or with a weak one, words of the kind must be near. */
import { passesMod11And10, passesMod11Radix2, passesNhsMod11 } from './checksum.ts';
import { anyWord, before } from './context.ts';
import { patternRecogniser } from './recogniser.ts';

const onlyDigits = (value: string): string => value.replace(/\D/g, '');

/** Numbers that advertising made known, which the Social Security Administration has voided. */
const voidedSsns = new Set(['078051120', '219099999']);
const ssnWords = anyWord('ssns?|social[ _-]?security|social|soc sec|taxpayer id|tin');

/** Social Security Administration, "Social Security Number Randomization": area, group and serial that are never given. */
export const ssn = patternRecogniser({
  kind: 'ssn',
  // A number in front joined by a dot or a dash makes it another number; one that only stands in front does not.
  pattern: /(?<![\p{Ll}\p{Lu}\p{N}_]|\d[.-])\d{3}([ .-]?)\d{2}\1\d{4}(?![A-Za-z0-9_]|[.-]\d)/gu,
  accepts(value, { start }, text) {
    const digits = onlyDigits(value);
    if (/^(?:000|666|9)|^\d{3}00|0000$/.test(digits) || voidedSsns.has(digits)) return false;
    return value[3] === '-' || ssnWords.test(before(text, start));
  },
});

/** GB 11643-1999: province, birth date, serial, ISO 7064 check character. */
export const residentId = patternRecogniser({
  kind: 'resident-id',
  pattern: /(?<![A-Za-z0-9_])[1-9]\d{5}[ -]?(?:18|19|20)\d{2}[ -]?\d{4}[ -]?\d{3}[\dXx](?![A-Za-z0-9_])/g,
  accepts(value) {
    const number = value.replace(/[ -]/g, '').toUpperCase();
    return provinces.has(number.slice(0, 2)) && isDate(number.slice(6, 14)) && passesMod11Radix2(number);
  },
});

/** GB/T 2260. */
const provinces = new Set(
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83'.split(
    ' ',
  ),
);

function isDate(yyyymmdd: string): boolean {
  const [year, month, day] = [yyyymmdd.slice(0, 4), yyyymmdd.slice(4, 6), yyyymmdd.slice(6)].map(Number);
  const date = new Date(Date.UTC(year!, month! - 1, day));
  return date.getUTCMonth() === month! - 1 && date.getUTCDate() === day;
}

const nhsWords = anyWord('nhs|national health|patient (?:no|number|id)|health service');

/** One ten-digit number in eleven passes the check. */
export const nhsNumber = patternRecogniser({
  kind: 'nhs-number',
  pattern: /(?<![A-Za-z0-9_]|\d[ .-])\d{3}([ -]?)\d{3}\1\d{4}(?![A-Za-z0-9_]|[ -]\d)/g,
  accepts: (value, { start }, text) =>
    passesNhsMod11(onlyDigits(value)) && nhsWords.test(before(text, start)),
});

const taxWords = anyWord(
  'steuer[-_ ]?id(?:entifikationsnummer|nr)?|steueridentifikationsnummer|steuerliche identifikationsnummer|idnr|id-nr|identifikationsnummer|steuernummer|tin|german tax|tax[ -]?id(?:entification)?|taxpayer',
);

/** The German identification number (Abgabenordnung § 139b): of its first ten digits, one comes two or three times. */
export const taxId = patternRecogniser({
  kind: 'tax-id',
  pattern: /(?<![A-Za-z0-9_]|\d[ .-])[1-9]\d(?: ?\d{3}){3}(?![A-Za-z0-9_]|[ -]\d)/g,
  accepts(value, { start }, text) {
    const digits = onlyDigits(value);
    const numDistinct = new Set(digits.slice(0, 10)).size;
    return (
      (numDistinct === 9 || numDistinct === 8) &&
      passesMod11And10(digits) &&
      taxWords.test(before(text, start))
    );
  },
});
