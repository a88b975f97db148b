/** One input after the other, each within its time, all within their memory; what is thrown must be meant for people. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MillraceError } from '../../core/errors.ts';

/** Of an input that failed. */
const maxShownCharacters = 4_000;
const maxCaseMs = 5_000;
/** Of all cases of a property together, beyond what the process held before. */
const maxGrowthBytes = 400 * 2 ** 20;

/** Without it, the same inputs each time; MILLRACE_FUZZ_SEED=random takes new ones, and a failure tells which. */
const seedText = process.env.MILLRACE_FUZZ_SEED ?? '7';
export const fuzzSeed = seedText === 'random' ? Date.now() % 2 ** 31 : Number(seedText);
/** MILLRACE_FUZZ_TIMES=100 takes a hundred times as many. */
const times = Number(process.env.MILLRACE_FUZZ_TIMES ?? '1');

const peakBytes = (): number => process.resourceUsage().maxRSS * 1_024;

export interface Attempted {
  /** Inputs that were taken. */
  readonly numTaken: number;
  readonly numRefused: number;
}

/** By default a failure has a code of the catalogue. */
export type IsMeant = (error: unknown) => boolean;
export const isOurs: IsMeant = (error) => error instanceof MillraceError;
/** Of parsers whose callers put the place to the reason. */
export const isPlain: IsMeant = (error) =>
  error instanceof MillraceError || (error instanceof Error && error.constructor === Error);

/** Throws what is not meant, with the seed; and for whatever took too long or too much. */
export async function tryAll<T>(
  inputs: fc.Arbitrary<T>,
  work: (input: T) => unknown,
  { numRuns = 150, isMeant = isOurs }: { readonly numRuns?: number; readonly isMeant?: IsMeant } = {},
): Promise<Attempted> {
  const before = peakBytes();
  let [numTaken, numRefused] = [0, 0];
  const property = fc.asyncProperty(inputs, async (input) => {
    const startMs = performance.now();
    try {
      await work(input);
      numTaken++;
    } catch (error) {
      if (!isMeant(error)) throw error;
      numRefused++;
    }
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < maxCaseMs, `it took ${tookMs} ms`);
    const growth = peakBytes() - before;
    assert.ok(growth < maxGrowthBytes, `it took ${growth} bytes`);
  });
  const { failed, errorInstance, counterexample } = await fc.check(property, {
    numRuns: numRuns * times,
    seed: fuzzSeed,
  });
  if (failed) {
    const why = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
    throw new Error(
      `with seed ${fuzzSeed}: ${why}\n${fc.stringify(counterexample).slice(0, maxShownCharacters)}`,
    );
  }
  return { numTaken, numRefused };
}

export const told = ({ numTaken, numRefused }: Attempted): string =>
  `${numTaken} taken, ${numRefused} refused`;
