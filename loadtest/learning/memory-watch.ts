/** Resident memory of a server's processes over time. */
import { median } from '../median.ts';
import type { LearningServer } from './server.ts';

export interface MemorySample {
  readonly ms: number;
  /** By process, MB (10^6 bytes). */
  readonly residentMb: Readonly<Record<string, number>>;
}

const everyMs = 1_000;
const maxSamples = 7_200;

export interface MemoryWatch {
  readonly samples: readonly MemorySample[];
  stop(): void;
}

export function watchMemory(server: Pick<LearningServer, 'residentMb'>): MemoryWatch {
  const samples: MemorySample[] = [];
  const take = (): void => {
    if (samples.length < maxSamples) samples.push({ ms: performance.now(), residentMb: server.residentMb() });
  };
  const timer = setInterval(take, everyMs);
  take();
  return {
    samples,
    stop() {
      clearInterval(timer);
      take();
    },
  };
}

/** All processes together, the median of the last fifth over that of the second fifth: the first still warms up. */
export function growthOf(samples: readonly MemorySample[]): number | null {
  const sums = samples.map(({ residentMb }) =>
    Object.values(residentMb).reduce((sum, value) => sum + value, 0),
  );
  const fifth = Math.ceil(sums.length / 5);
  const [early, late] = [median(sums.slice(fifth, 2 * fifth)), median(sums.slice(-fifth))];
  return early === null || late === null || early === 0 ? null : late / early - 1;
}
