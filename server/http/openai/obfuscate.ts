/**
 * Stream chunks whose sizes tell less of the text: OpenAI's `obfuscation` field fills each up to a multiple of a fixed
 * size. Sizes of encrypted chunks have been read as lengths of tokens (McDonald and Bar Or, "Whisper Leak", 2025).
 */
import { randomBytes } from 'node:crypto';

/** Most chunks with a single token in them fit into one or two of these; bytes. */
const sizeStep = 256;
const field = ',"obfuscation":""';

/** `json` is one object, as text. Random letters, since repeated ones would vanish in compression. */
export function obfuscate(json: string): string {
  const length = Buffer.byteLength(json) + field.length;
  const missing = Math.ceil(length / sizeStep) * sizeStep - length;
  const letters = randomBytes(Math.ceil((missing * 3) / 4))
    .toString('base64url')
    .slice(0, missing);
  return `${json.slice(0, -1)},"obfuscation":"${letters}"}`;
}
