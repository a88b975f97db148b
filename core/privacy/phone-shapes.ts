/** How phone numbers are written within a country, and what is written like them. Linear: every repetition is short. */
import { isNorthAmerican } from './calling-codes.ts';

/** With the number of digits in all, counted ahead. */
const shapes: readonly RegExp[] = [
  // (02) 5550 1234, (11) 91234-5678
  /^(?=(?:\D*\d){9,12}$)\(0?[1-9]\d{0,3}\) ?\d{3,5}[ -]\d{3,4}$/,
  // 020 7946 0321, 0171/1234567, (030) 1234567
  /^(?=(?:\D*\d){10,12}$)\(?0[1-9]\d{0,3}\)?(?: ?[ /.-] ?\d{2,8}){1,4}$/,
  // 02 123 45 67
  /^(?=(?:\D*\d){9}$)\(?0[1-9]\d{0,2}\)?(?: ?[ /.-] ?\d{2,4}){2,4}$/,
  // 030/123456
  /^(?=(?:\D*\d){9}$)(?:\(0[1-9]\d{1,3}\) ?|0[1-9]\d{1,3}[/-])\d{5,6}$/,
  // 138 0013 8000
  /^1[3-9]\d([ -])\d{4}\1\d{4}$/,
];
/** (212) 555-0142, 1-212-555-0101, 415.555.0133 */
const northAmerican = /^(?:1[ .-]?)?(?:\(\d{3}\) ?-?|\d{3}[.-])\d{3}[ .-]\d{4}$/;

/** Whether hardly anything but a phone number is written so. */
export function isPhoneShaped(writing: string): boolean {
  if (northAmerican.test(writing)) return isNorthAmerican(writing.replace(/\D/g, '').slice(-10));
  return shapes.some((shape) => shape.test(writing));
}

const others: readonly RegExp[] = [
  // 2031-05-04, 04.05.2031, 5/4/2031, with or without a time
  /^(?:19|20)\d{2}[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])(?!\d)/,
  /^(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:19|20)\d{2}(?!\d)/,
  // 1990-2000 2010
  /^(?:19|20)\d{2}(?:[ /-](?:19|20)\d{2}){1,6}$/,
  // Social security numbers, valid or not
  /^\d{3}-\d{2}-\d{4}$/,
  // 1.299.000
  /^\d{1,2}(?:\.\d{3}){1,4}$/,
  // 8.4.2.17, 0300.0250.01.01
  /^\d{1,4}(?:\.\d{1,4}){3}$/,
  // 14285714.286
  /^(?:0|[1-9]\d{0,14})\.\d{1,14}$/,
  // The year and pages of an article
  /^\((?:19|20)\d{2}\)/,
];

/** Whether it is a date, a version or a price whatever stands before it. */
export const isOtherwiseShaped = (writing: string): boolean => others.some((shape) => shape.test(writing));
