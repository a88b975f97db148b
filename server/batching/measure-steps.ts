/** How long steps of different shapes take on this machine, measured before the first request. */
import type { Clock } from '../../core/clock.ts';
import type { StepEngine } from './engine.ts';
import { type StepShape, StepTimeModel } from './step-time.ts';

interface Probe {
  readonly rows: number;
  readonly rowLength: number;
  readonly chunk: number;
  readonly chunkStart: number;
}

const repeats = 2;

/** Of each probe the faster of two runs counts; runs take about half a second in all for a small model. */
export async function measureSteps(engine: StepEngine, clock: Clock): Promise<StepTimeModel> {
  const model = new StepTimeModel();
  for (const probe of probesFor(engine)) {
    let tookMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < repeats; run++) tookMs = Math.min(tookMs, await timeProbe(engine, clock, probe));
    model.observe(shapeOfProbe(probe), tookMs);
  }
  model.anchor();
  return model;
}

function probesFor(engine: StepEngine): Probe[] {
  const far = Math.min(512, engine.maxContext >> 1);
  const few = Math.min(64, engine.maxContext >> 2);
  const rows = (count: number): number => Math.min(count, engine.numSlots - 1);
  return [
    { rows: 1, rowLength: 16, chunk: 0, chunkStart: 0 },
    { rows: rows(4), rowLength: 16, chunk: 0, chunkStart: 0 },
    { rows: rows(8), rowLength: 16, chunk: 0, chunkStart: 0 },
    { rows: rows(4), rowLength: far, chunk: 0, chunkStart: 0 },
    { rows: 0, rowLength: 0, chunk: few, chunkStart: 0 },
    { rows: 0, rowLength: 0, chunk: few, chunkStart: far },
    { rows: rows(4), rowLength: 16, chunk: few >> 2, chunkStart: 0 },
  ].filter((probe) => probe.rows + probe.chunk > 0);
}

async function timeProbe(engine: StepEngine, clock: Clock, probe: Probe): Promise<number> {
  const decode = Array.from({ length: probe.rows }, (_, slot) => ({
    slot,
    token: 0,
    position: probe.rowLength,
    adapter: null,
  }));
  const tokens = Array.from({ length: probe.chunk }, () => 0);
  const chunk = {
    slot: engine.numSlots - 1,
    start: probe.chunkStart,
    tokens,
    logits: 'last' as const,
    adapter: null,
  };
  const startMs = clock.nowMs();
  await engine.step({ decode, chunk: probe.chunk > 0 ? chunk : null });
  return clock.nowMs() - startMs;
}

const shapeOfProbe = ({ rows, rowLength, chunk, chunkStart }: Probe): StepShape => ({
  decodeRows: rows,
  chunkTokens: chunk,
  cacheRows: rows * (rowLength + 1) + (chunk > 0 ? chunkStart + chunk : 0),
  chunkContext: chunk * (chunkStart + chunk / 2),
});
