/** Long strings without a format that look random, where the line says that they are secret. Digests are not. */
import { before, speaksFor } from './context.ts';
import { patternRecogniser } from './recogniser.ts';
import { looksRandom } from './secret-value.ts';

const secretWords =
  /key(?!board|word|note)|secret|token(?!iz|s)|passw|passphrase|credential|auth(?!or)|signature|cookie|session|private|\bsalt|\bseed|schlüssel|geheim|\bclave|\bclé|ключ|токен|密钥|密鑰|令牌|秘钥|鍵|トークン/iu;
const digestWords =
  /(?:commit|\bsha|hash|digest|checksum|md5|etag|integrity|revision|fingerprint|public|blob|\btree|trace|\bspan|uuid|merge|cherry-pick|revert|image|layer|node_modules|提交|哈希|摘要)[ _-]?(?:keys?|tokens?)?/iu;

/** An identifier, unless it is assigned to a secret's name (assignment.ts). */
const isUuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export const randomString = patternRecogniser({
  kind: 'secret',
  pattern: /(?<![A-Za-z0-9+/_=~-])[A-Za-z0-9+/_~-]{32,}={0,2}/g,
  accepts: (value, { start }, text) =>
    looksRandom(value) && !isUuid.test(value) && speaksFor(before(text, start), secretWords, digestWords),
});
