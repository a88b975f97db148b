/**
 * Thresholds such as "steady.ttft.p99 <= 500ms": a scenario, a figure of it, and what it must hold. Where the load is left
 * out, each load of the scenario must hold it; "*" is each scenario.
 */
import { type Figure, shown, type Unit } from './figure.ts';

export interface Threshold {
  /** As it was given. */
  readonly text: string;
  readonly scenario: string;
  readonly figure: string;
  readonly operator: '<=' | '<' | '>=' | '>';
  /** In the unit of the figures: ms, shares of one. */
  readonly value: number;
  /** Null where a bare number was given, which fits any. */
  readonly unit: Unit | null;
}

/** A scenario's figures, and those of each of its loads. */
export interface Measured {
  readonly name: string;
  readonly figures: readonly Figure[];
  readonly loads: readonly { readonly name: string; readonly figures: readonly Figure[] }[];
}

export interface Verdict {
  readonly scenario: string;
  readonly threshold: string;
  /** Whole path of the figure. */
  readonly path: string;
  readonly measured: string;
  readonly isMet: boolean;
}

const units: Readonly<Record<string, { readonly unit: Unit; readonly factor: number }>> = {
  us: { unit: 'ms', factor: 0.001 },
  ms: { unit: 'ms', factor: 1 },
  s: { unit: 'ms', factor: 1000 },
  '%': { unit: 'share', factor: 0.01 },
  x: { unit: 'ratio', factor: 1 },
  '/s': { unit: 'perSecond', factor: 1 },
};

const pattern =
  /^\s*(\*|[\w-]+)\.([\w-]+(?:\.[\w-]+)*)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|%|x|\/s)?\s*$/;

/** Throws what is wrong with the text. */
export function parseThreshold(text: string): Threshold {
  const match = pattern.exec(text);
  if (match === null) {
    throw new Error(
      `"${text}" is no threshold. Expected scenario.figure, one of <= < >= >, and a number, with us, ms, s, %, x or /s: steady.ttft.p99<=500ms`,
    );
  }
  const [, scenario, figure, operator, number, unitName] = match;
  const { unit, factor } = unitName === undefined ? { unit: null, factor: 1 } : units[unitName]!;
  return {
    text: text.trim(),
    scenario: scenario!,
    figure: figure!,
    operator: operator as Threshold['operator'],
    value: Number(number) * factor,
    unit,
  };
}

/** Those of `chosen` take the place of those of `defaults` on the same figure of the same scenario. */
export function merge(defaults: readonly Threshold[], chosen: readonly Threshold[]): Threshold[] {
  const key = ({ scenario, figure }: Threshold): string => `${scenario}.${figure}`;
  const taken = new Set(chosen.map(key));
  return [...defaults.filter((threshold) => !taken.has(key(threshold))), ...chosen];
}

/**
 * One verdict for each figure that the threshold is on. Throws where it was measured nowhere, or in another unit: the
 * threshold would seem to hold.
 */
export function judge(threshold: Threshold, measured: readonly Measured[]): Verdict[] {
  const found = measured.filter((each) => isOn(threshold, each)).map((each) => figuresOf(threshold, each));
  if (found.flat().length === 0) throw new Error(unknown(threshold, measured));
  return found.flat().map(({ scenario, figure }) => {
    if (threshold.unit !== null && threshold.unit !== figure.unit) {
      throw new Error(`"${threshold.text}": ${figure.path} is measured in ${figure.unit}.`);
    }
    const isMet = figure.value !== null && holds(figure.value, threshold);
    return { scenario, threshold: threshold.text, path: figure.path, measured: shown(figure), isMet };
  });
}

export const isOn = ({ scenario }: Threshold, { name }: { readonly name: string }): boolean =>
  scenario === '*' || scenario === name;

function holds(value: number, { operator, value: bound }: Threshold): boolean {
  if (operator === '<=') return value <= bound;
  if (operator === '<') return value < bound;
  return operator === '>=' ? value >= bound : value > bound;
}

interface Found {
  readonly scenario: string;
  /** With its whole path. */
  readonly figure: Figure;
}

function figuresOf({ figure: wanted }: Threshold, scenario: Measured): Found[] {
  const { name, loads } = scenario;
  const all = figuresIn(scenario);
  const named = all.filter(({ path }) => path === `${name}.${wanted}`);
  const ofLoads = loads.map((load) => `${name}.${load.name}.${wanted}`);
  const found = named.length > 0 ? named : all.filter(({ path }) => ofLoads.includes(path));
  return found.map((figure) => ({ scenario: name, figure }));
}

function figuresIn({ name, figures, loads }: Measured): Figure[] {
  const within = (prefix: string, those: readonly Figure[]): Figure[] =>
    those.map((figure) => ({ ...figure, path: `${prefix}.${figure.path}` }));
  return [...within(name, figures), ...loads.flatMap((load) => within(`${name}.${load.name}`, load.figures))];
}

function unknown(threshold: Threshold, measured: readonly Measured[]): string {
  const { text, scenario } = threshold;
  const here = measured.find((each) => isOn(threshold, each));
  if (here === undefined) {
    return `"${text}": ${scenario} was not run. Run: ${measured.map(({ name }) => name).join(', ')}.`;
  }
  const paths = figuresIn(here).map(({ path }) => path);
  return `"${text}": ${here.name} has no such figure. It has ${paths.join(', ')}.`;
}
