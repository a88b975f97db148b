/** The gate's checks as functions of what was measured. Each says what it saw and what it is held to. */
import type { Gate, GateCheck, GateVerdict } from '../../core/registry/adapter-manifest.ts';

/**
 * A mean over few tokens is uncertain: beyond the bound by more than two standard errors it fails, beyond it by less it is
 * inconclusive.
 */
export function checkMean(name: string, values: readonly number[], bound: number): GateCheck {
  const { mean, error } = meanOf(values);
  const verdict = mean <= bound ? 'pass' : mean - 2 * error > bound ? 'fail' : 'inconclusive';
  return { name, verdict, value: mean, bound };
}

/** Values that must not be under the bound; one that is makes the check inconclusive, all of them make it fail. */
export function checkEach(name: string, values: readonly number[], bound: number): GateCheck {
  const numUnder = values.filter((value) => !(value >= bound)).length;
  const verdict = numUnder === 0 ? 'pass' : numUnder === values.length ? 'fail' : 'inconclusive';
  return { name, verdict, value: values.length === 0 ? null : Math.min(...values), bound };
}

/** A share that must not be exceeded. */
export function checkShare(name: string, numHits: number, numAll: number, bound: number): GateCheck {
  const value = numAll === 0 ? 0 : numHits / numAll;
  return { name, verdict: value <= bound ? 'pass' : 'fail', value, bound };
}

export function checkFact(name: string, isTrue: boolean): GateCheck {
  return { name, verdict: isTrue ? 'pass' : 'fail', value: null, bound: null };
}

/** Fails with any that fails, else is inconclusive with any that is. */
export function gateOf(checks: readonly GateCheck[]): Gate {
  const has = (verdict: GateVerdict): boolean => checks.some((check) => check.verdict === verdict);
  return { verdict: has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass', checks };
}

function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / Math.max(1, values.length - 1) / values.length) };
}
