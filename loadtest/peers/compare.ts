/** Interleaved rounds: in each, every server runs every measure, in an order that rotates. */

import { calibrate } from '../load.ts';
import { median } from '../median.ts';
import type { Measure, Subject } from './measures.ts';
import type { RunningServer } from './server.ts';

export interface Sample {
  readonly measure: string;
  readonly server: string;
  readonly round: number;
  readonly value: number;
}

export interface Comparison {
  readonly measures: readonly Measure[];
  readonly rounds: number;
  readonly onSample: (sample: Sample) => void;
}

export async function prepareSubjects(servers: readonly RunningServer[]): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const server of servers) subjects.push({ server, makePrompt: await calibrate(server.target) });
  return subjects;
}

export async function compare(subjects: readonly Subject[], options: Comparison): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const [place, measure] of options.measures.entries()) {
      // A seed of its own for each load: a server must not find prompts in a cache that an earlier load has left.
      const seed = 1 + round * options.measures.length + place;
      for (let index = 0; index < subjects.length; index++) {
        const subject = subjects[(index + round) % subjects.length]!;
        const value = await measure.run(subject, seed);
        const sample = { measure: measure.name, server: subject.server.name, round, value };
        samples.push(sample);
        options.onSample(sample);
      }
    }
  }
  return samples;
}

export function medianOf(samples: readonly Sample[], measure: string, server: string): number | null {
  return median(valuesOf(samples, measure, server));
}

/** Median over rounds of the ratio within one round: what both servers met on the same minutes' machine. */
export function medianRatio(
  samples: readonly Sample[],
  measure: string,
  [ours, theirs]: readonly [string, string],
): number | null {
  const peer = samples.filter((each) => each.measure === measure && each.server === theirs);
  const ratios = samples
    .filter((each) => each.measure === measure && each.server === ours)
    .flatMap(({ round, value, server }) => {
      const other = peer.find((each) => each.round === round);
      return other === undefined ? [] : [{ measure, server, round, value: value / other.value }];
    });
  return medianOf(ratios, measure, ours);
}

const valuesOf = (samples: readonly Sample[], measure: string, server: string): number[] =>
  samples.filter((each) => each.measure === measure && each.server === server).map(({ value }) => value);
