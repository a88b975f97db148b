/** Country calling codes of ITU-T E.164 with the lengths of the numbers behind them. */

/**
 * Shortest and longest subscriber number, then the codes. Source: Google's libphonenumber 9.0.43 (fixed, mobile, free of
 * charge and internet numbers), less what is shorter than 8 digits with its code or longer than 15.
 */
const plan = `5-5 247 290 500 682, 5-7 676 677 678 688 690, 5-8 686, 5-10 358 685, 5-11 352, 5-12 971,
6-6 298 299 672 687, 6-7 597, 6-8 386, 6-9 27 40 46 252 376 421 508 681, 6-10 53 95 98 880, 6-11 375,
6-12 39 359 381 598, 6-13 43 49 63 82, 7-7 238 239 246 248 269 291 297 592 673 674 680 683 691 692,
7-8 241 599 670 675 853 961 965 975, 7-9 220 231 245 265 354 355 385 423 967 968,
7-10 44 48 61 230 243 254 263 267 353 372 960, 7-11 31 501 503 507 595 679 974, 7-12 86 882 972, 7-13 62,
8-8 45 47 216 222 223 226 227 228 232 235 236 253 257 266 268 350 356 357 370 371 373 374 389 505 509 800 808 973 993,
8-9 32 36 51 213 224 233 237 250 258 264 377 382 387 591 689 852 962 963, 8-10 20 60 64 84 378 506 850 855 856 964 970 976,
8-11 57 65 92 502 504 593 886 977, 8-12 383 883, 8-13 66 81 91,
9-9 33 34 41 93 94 211 212 218 221 240 242 244 249 251 255 256 260 261 262 351 420 590 594 596 979 992 994 995 998,
9-10 380 881 966 996, 9-11 55 56, 9-12 870, 10-10 1 52 58 225 229, 10-11 54, 10-12 30 234, 10-13 90, 10-14 7,
12-12 878`;

interface Lengths {
  readonly min: number;
  readonly max: number;
}

function lengthsOf(entry: string): (readonly [string, Lengths])[] {
  const [range, ...codes] = entry.trim().split(' ');
  const [min, max] = range!.split('-').map(Number);
  return codes.map((code) => [code, { min: min!, max: max! }]);
}

const lengthsByCode = new Map(plan.split(',').flatMap(lengthsOf));

/** Whether the digits are a calling code and a number of a length it has. North American ones are looked at closer. */
export function isInternational(digits: string): boolean {
  if (digits.startsWith('1')) return isNorthAmerican(digits.slice(1));
  const code = [3, 2, 1].map((length) => digits.slice(0, length)).find((prefix) => lengthsByCode.has(prefix));
  if (code === undefined) return false;
  const { min, max } = lengthsByCode.get(code)!;
  const length = digits.length - code.length;
  return length >= min && length <= max;
}

/** North American Numbering Plan: area and exchange begin with 2 to 9, and neither is a service such as 911. */
export function isNorthAmerican(digits: string): boolean {
  return /^[2-9](?!11)\d{2}[2-9](?!11)\d{6}$/.test(digits);
}
