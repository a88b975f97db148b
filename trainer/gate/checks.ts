/**
 * The gate's checks as functions of what was measured. Each says what it saw and what it is held to. What is no number
 * fails, whatever the bound.
 */
import type { Gate, GateCheck, GateVerdict } from '../../core/registry/gate-record.ts';

/** A mean over few tokens is uncertain: beyond the bound by more than two standard errors it fails, by less it is in doubt. */
export function checkMean(name: string, values: readonly number[], bound: number): GateCheck {
  const { mean, error } = meanOf(values);
  return checkOf(name, values, mean, bound, () =>
    mean <= bound ? 'pass' : mean - 2 * error > bound ? 'fail' : 'inconclusive',
  );
}

/** Values that must not be under the bound; one that is makes the check inconclusive, all of them make it fail. */
export function checkEach(name: string, values: readonly number[], bound: number): GateCheck {
  const numUnder = values.filter((value) => value < bound).length;
  return checkOf(name, values, Math.min(...values), bound, () =>
    numUnder === 0 ? 'pass' : numUnder === values.length ? 'fail' : 'inconclusive',
  );
}

/** Of values that must not be over the bound the largest; over it is inconclusive, over twice as much fails. */
export function checkLargest(name: string, values: readonly number[], bound: number): GateCheck {
  const largest = Math.max(...values);
  return checkOf(name, values, largest, bound, () =>
    largest <= bound ? 'pass' : largest > 2 * bound ? 'fail' : 'inconclusive',
  );
}

/** A share that must not be exceeded. */
export function checkShare(name: string, numHits: number, numAll: number, bound: number): GateCheck {
  const value = numAll === 0 ? 0 : numHits / numAll;
  return checkOf(name, [value], value, bound, () => (value <= bound ? 'pass' : 'fail'));
}

export function checkFact(name: string, isTrue: boolean): GateCheck {
  return { name, verdict: isTrue ? 'pass' : 'fail', value: null, bound: null };
}

/** Fails with any that fails, else is inconclusive with any that is. */
export function gateOf(checks: readonly GateCheck[]): Gate {
  const has = (verdict: GateVerdict): boolean => checks.some((check) => check.verdict === verdict);
  return { verdict: has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass', checks };
}

/** Without values there is nothing to object to; with one that is not finite there is. */
function checkOf(
  name: string,
  values: readonly number[],
  value: number,
  bound: number,
  judge: () => GateVerdict,
): GateCheck {
  if (values.length === 0) return { name, verdict: 'pass', value: null, bound };
  if (!values.every(Number.isFinite)) return { name, verdict: 'fail', value: null, bound };
  return { name, verdict: judge(), value, bound };
}

function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / Math.max(1, values.length - 1) / values.length) };
}
