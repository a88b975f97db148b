/** Sizes that are known only by name, as products: 3·T is "3*T". Enough algebra for reshapes. */

import { invariant } from '../../core/invariant.ts';
import type { Dim } from '../../core/onnx/graph.ts';

export type Shape = readonly Dim[];

interface Product {
  readonly factor: number;
  /** Sorted; a name may occur twice. */
  readonly names: readonly string[];
}

function parse(dim: Dim): Product {
  if (typeof dim === 'number') return { factor: dim, names: [] };
  const parts = dim.split('*');
  const first = Number(parts[0]);
  return Number.isNaN(first) ? { factor: 1, names: parts } : { factor: first, names: parts.slice(1) };
}

function print({ factor, names }: Product): Dim {
  if (names.length === 0) return factor;
  return (factor === 1 ? names : [factor, ...names]).join('*');
}

export function product(dims: Shape): Dim {
  const parts = dims.map(parse);
  return print({
    factor: parts.reduce((all, { factor }) => all * factor, 1),
    names: parts.flatMap(({ names }) => names).sort(),
  });
}

/** a / b; b must divide a. */
export function quotient(a: Dim, b: Dim): Dim {
  const [whole, part] = [parse(a), parse(b)];
  const names = [...whole.names];
  for (const name of part.names) {
    const at = names.indexOf(name);
    invariant(at >= 0, `${b} divides ${a}`);
    names.splice(at, 1);
  }
  invariant(whole.factor % part.factor === 0, `${b} divides ${a}`);
  return print({ factor: whole.factor / part.factor, names });
}

export function sum(dims: Shape): Dim {
  const parts = dims.map(parse);
  const names = parts[0]!.names.join('*');
  invariant(
    parts.every((part) => part.names.join('*') === names),
    `${dims.join(' + ')} is one product`,
  );
  const factor = parts.reduce((all, part) => all + part.factor, 0);
  return print({ factor, names: parts[0]!.names });
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, index) => dim === b[index]);
}

/** Numpy's rule: from the right, equal or 1. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, index) => {
    const [x, y] = [a[index - rank + a.length] ?? 1, b[index - rank + b.length] ?? 1];
    invariant(x === y || x === 1 || y === 1, `[${a}] and [${b}] broadcast`);
    return x === 1 ? y : x;
  });
}

/** A negative axis counts from the end. */
export function axisOf(axis: number, shape: Shape): number {
  return axis < 0 ? axis + shape.length : axis;
}
