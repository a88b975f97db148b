/** Public IP addresses and MAC addresses. Private, loopback and documentation ranges are left alone. */
import { isIPv4, isIPv6 } from 'node:net';
import { isPublicV4, isPublicV6 } from './address-range.ts';
import { anyWord, before, inClause } from './context.ts';
import { patternRecogniser, type Recogniser } from './recogniser.ts';

const addressWords = anyWord(
  'ips?(?:v4|[ _-]?addr(?:ess)?)?|addr(?:ess)?|adresse|host|server|client|remote|dns|resolver|nameserver|gateway|ping|ssh|from|peer|proxy|subnet|visitor',
  '地址|服务器|サーバ|主机|https?://|@',
);
const versionWords = anyWord(
  'v|ver|version(?:en|s|ed)?|versión|releases?|build|firmware|sdk|driver|chrome|firefox|edge|opera|safari|section|sect|chapter|kapitel|abschnitt|clause|article|oid|snmp|update[ds]?|upgraded?|fig(?:ure)?|table|step|rfc',
  '版本|バージョン|§|第',
);

/** Four small numbers are a version's more often than an address's: one public address in 4,000 has only such. */
const smallNumber = 32;

const ipV4: Recogniser = patternRecogniser({
  kind: 'ip',
  // Not "lib-1.2.3.4" nor "1.2.3.4-5", but both ends of a range of addresses.
  pattern:
    /(?<![A-Za-z0-9_]|\d\.|[A-Za-z_]-|(?<!\.\d{1,3})\d-)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![A-Za-z0-9_]|\.\d|-[A-Za-z]|-\d{1,3}(?!\d|\.\d))/g,
  accepts(value, { start }, text) {
    if (!isIPv4(value) || !isPublicV4(value)) return false;
    if (addressWords.test(before(text, start))) return !versionWords.test(inClause(text, start, 12));
    return (
      !versionWords.test(inClause(text, start, 24)) &&
      value.split('.').some((part) => Number(part) >= smallNumber)
    );
  },
});

const ipV6: Recogniser = patternRecogniser({
  kind: 'ip',
  pattern: /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])/g,
  accepts: (value) => isIPv6(value) && isPublicV6(value),
});

export const mac: Recogniser = patternRecogniser({
  kind: 'mac',
  pattern: /(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:]|-\w)/g,
  accepts(value) {
    const digits = value.replace(/[:-]/g, '');
    // With dashes and no letter it may be a date and a time; all equal, it is nobody's.
    return new Set(digits.toLowerCase()).size > 1 && (value.includes(':') || /[a-f]/i.test(digits));
  },
});

export const ipAddresses: readonly Recogniser[] = [ipV4, ipV6];
