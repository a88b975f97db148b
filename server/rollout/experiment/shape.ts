/** Whether a value out of JSON is made like another: for states that were written by an earlier process. */

/** An array is no longer than this: all that is stored here is bounded. */
const maxItems = 4096;
const maxText = 1024;

/**
 * Each field of the template is there with its type; more may be. Numbers are finite. An array of one item stands for any
 * number of such items, a longer one for exactly those.
 */
export function hasShapeOf<T>(value: unknown, template: T): value is T {
  if (typeof template === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (typeof template === 'string') return typeof value === 'string' && value.length <= maxText;
  if (typeof template !== 'object' || template === null) return typeof value === typeof template;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(template)) return Array.isArray(value) && areLike(value, template);
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.entries(template).every(
    ([name, of]) => Object.hasOwn(fields, name) && hasShapeOf(fields[name], of),
  );
}

function areLike(values: readonly unknown[], templates: readonly unknown[]): boolean {
  if (templates.length !== 1) {
    return (
      values.length === templates.length && templates.every((of, index) => hasShapeOf(values[index], of))
    );
  }
  return values.length <= maxItems && values.every((value) => hasShapeOf(value, templates[0]));
}
