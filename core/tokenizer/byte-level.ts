/** GPT-2's printable stand-ins for bytes, inverted (Radford et al. 2019, encoder.py). */
export const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCodePoint(isPrintable ? byte : next++), byte);
  }
  return map;
})();
