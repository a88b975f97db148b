/** What a gate decided about a version, and what it saw: kept in the version's manifest. */
import { fieldsOf, isNumber, isText, listOf, maybe, oneOf, type Shape } from '../shape.ts';

export type GateVerdict = 'pass' | 'fail' | 'inconclusive';

/** One check of the gate. */
export interface GateCheck {
  readonly name: string;
  readonly verdict: GateVerdict;
  /** What was measured, and the bound that it was held to; null where there is no number. */
  readonly value: number | null;
  readonly bound: number | null;
}

const isVerdict = oneOf('pass', 'fail', 'inconclusive');

export const isGate: Shape = fieldsOf({
  verdict: isVerdict,
  checks: listOf(
    fieldsOf({ name: isText, verdict: isVerdict, value: maybe(isNumber), bound: maybe(isNumber) }),
    1_000,
  ),
});

/** Names of the checks that were not passed. */
export const failedChecks = ({ checks }: Gate): string[] =>
  checks.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name);

export interface Gate {
  readonly verdict: GateVerdict;
  readonly checks: readonly GateCheck[];
}
