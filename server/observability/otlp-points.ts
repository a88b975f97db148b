/** What instruments hold as OTLP tells it: cumulative, since the moment from which each series counts. */
import { type HrTime, ValueType } from '@opentelemetry/api';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import type { Reading } from './instruments.ts';
import { otlpAttributes, otlpName } from './otlp-names.ts';

/** Milliseconds since 1970 as seconds and nanoseconds. */
const hrTimeOf = (ms: number): HrTime => [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)];

interface Counted {
  readonly sinceMs: number;
  readonly value: number;
}

/** Of one server. Remembers since when each series counts: what an engine host counts begins anew with the host. */
export class OtlpPoints {
  private readonly openedMs: number;
  private lastMs: number;
  private counted = new Map<string, Counted>();

  constructor(nowMs: number) {
    this.openedMs = nowMs;
    this.lastMs = nowMs;
  }

  /** All of them, as of now; series that are not among them are forgotten. */
  of(readings: readonly Reading[], nowMs: number): MetricData[] {
    const before = this.counted;
    this.counted = new Map();
    const metrics = readings.map((reading) => this.metric(reading, before, nowMs));
    this.lastMs = nowMs;
    return metrics.filter(({ dataPoints }) => dataPoints.length > 0);
  }

  private metric(reading: Reading, before: ReadonlyMap<string, Counted>, nowMs: number): MetricData {
    const { described } = reading;
    const { name, unit } = otlpName(described);
    const common = {
      descriptor: { name, unit, description: described.help, valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
    };
    const at = (labels: Readonly<Record<string, string>>, counted: number | null) => ({
      startTime: hrTimeOf(
        counted === null ? nowMs : this.since(`${name}\0${keyOf(labels)}`, counted, before),
      ),
      endTime: hrTimeOf(nowMs),
      attributes: otlpAttributes(labels),
    });
    if (reading.kind === 'bins') {
      const dataPoints = [...reading.members].map(({ labels, value: { bounds, counts, sum, count } }) => ({
        ...at(labels, count),
        value: { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count },
      }));
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
    }
    const isMonotonic = described.type === 'counter';
    const dataPoints = reading.samples
      .filter(([, value]) => Number.isFinite(value))
      .map(([labels, value]) => ({ ...at(labels, isMonotonic ? value : null), value }));
    if (isMonotonic) return { ...common, dataPointType: DataPointType.SUM, isMonotonic, dataPoints };
    return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  }

  private since(key: string, value: number, before: ReadonlyMap<string, Counted>): number {
    const last = before.get(key);
    const sinceMs = last === undefined ? this.openedMs : value < last.value ? this.lastMs : last.sinceMs;
    this.counted.set(key, { sinceMs, value });
    return sinceMs;
  }
}

const keyOf = (labels: Readonly<Record<string, string>>): string => Object.values(labels).join('\0');
