/** JSON from untrusted bytes: the object they spell; `refuse` throws when they spell anything else. */
export function parseObject(bytes: Uint8Array, refuse: (reason: string) => never): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refuse('its JSON cannot be read.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('its JSON is not an object.');
  return value as Record<string, unknown>;
}
