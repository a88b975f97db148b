/** PEM private keys (RFC 7468) with their envelope; line breaks may be real, escaped or lost. */
import type { Recogniser, Span } from './recogniser.ts';

const markers = /-----(BEGIN|END) (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;
const maxKeyChars = 20_000;
/** One line of a key whose end is missing: base64, or a header of the older form (RFC 1421). */
const line = /(?:\\[nrt]|[ \r\n\t]){0,8}(?:[A-Za-z0-9+/]{16,128}={0,2}|[A-Z][A-Za-z-]{3,23}: [^\n]{0,80}\n)/y;

export const privateKey: Recogniser = {
  kind: 'secret',
  *find(text) {
    const found = [...text.matchAll(markers)];
    for (const [place, marker] of found.entries()) {
      if (marker[1] === 'BEGIN') yield keyAt(text, marker, found[place + 1]);
    }
  },
};

/** From the first marker to the second, or as far as there are lines of a key. */
function keyAt(text: string, first: RegExpExecArray, second: RegExpExecArray | undefined): Span {
  const bodyStart = first.index + first[0].length;
  if (second?.[1] === 'END' && second.index - bodyStart <= maxKeyChars)
    return { start: first.index, end: second.index + second[0].length };
  let end = bodyStart;
  for (line.lastIndex = end; line.test(text) && end - bodyStart <= maxKeyChars; ) end = line.lastIndex;
  return { start: first.index, end: Math.min(end, second?.index ?? end) };
}
