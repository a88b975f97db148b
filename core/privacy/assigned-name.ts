/** Names that secrets are assigned to, and names that only begin or end like them. */

const passwords =
  'pass[ _-]?(?:words?|wd|phrase|code)|pwd|passwort|kennwort|contraseña|clave|mot de passe|senha|wachtwoord|hasło|lösenord|parola|пароль|密码|密碼|口令|パスワード|비밀번호';
const keys = [
  '(?:api|access|auth|secret|private|account|encryption|signing|master|shared|session|storage)[ _.-]?key',
  'secret|token|credentials?|authorization|密钥|令牌|[_-]key',
].join('|');

/** Source of a pattern that matches the core of a name. */
export const names = `${passwords}|${keys}`;

const password = new RegExp(`^(?:${passwords})$`, 'iu');

export const isPasswordName = (name: string): boolean => password.test(name);

/** What a name is about that does not end with the core. */
const aspects =
  /(?:counts?|limit|size|length|len|type|name|ids?|url|uri|file|path|field|policy|hint|expir\w{0,8}|ttl|max|min|regex|pattern|label|placeholder|reset|strength|ref|version|algorithm|alg|index|position|usage|format|prefix|arn|manager|audience|issuer)$/i;
const otherKeys =
  /(?:public|pub|primary|foreign|sort|cache|partition|hot|short|map|dict|object|unique|index|idx|row|group|idempotency|translation|hash|join|sort|natural|schema|sequence|routing|range|dedup|i18n|message)$/i;

/** "token_count", "secretary", "primary_key": `before` is what stands before the core, `suffix` what follows it. */
export function isOtherName(name: string, suffix: string, before: string): boolean {
  if (/^[_-]key$/i.test(name) && (otherKeys.test(before) || !/[A-Za-z0-9]$/.test(before))) return true;
  if (/public[ _-]?$/i.test(before)) return true;
  if (suffix === '') return false;
  if (aspects.test(suffix)) return true;
  const isUpper = name === name.toUpperCase() && name !== name.toLowerCase();
  return isUpper ? !/^[_.\d-]/.test(suffix) : !/^[_.\dA-Z-]/.test(suffix);
}
