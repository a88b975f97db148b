/** What the base says to canaries and secret probes. It never changes, so that it is asked once and kept with the model. */
import { canaries } from '../anchors/anchor-texts.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Text } from '../train/lesson.ts';
import { type Probe, probeOf, secretProbes } from './secret-probes.ts';

export interface Canary {
  readonly text: Text;
  /** What the base says to each token of the answer. */
  readonly logprobs: Float32Array;
}

export class Baseline {
  private readonly model: TrainableModel;
  private readonly kept = new Map<string, Promise<unknown>>();

  constructor(model: TrainableModel) {
    this.model = model;
  }

  /** Any index: they go round. */
  canary(index: number): Promise<Canary> {
    const at = index % canaries.length;
    return this.once(`canary ${at}`, async () => {
      const { encoder, trunk, forward, zeros } = this.model;
      const { question, answer } = canaries[at]!;
      const [text] = await trunk.prepare([encoder.encode(encoder.asking(question), answer)]);
      const [scored] = await forward.score(zeros, [text!]);
      return { text: text!, logprobs: scored!.logprobs };
    });
  }

  probe(index: number): Promise<Probe> {
    const at = index % secretProbes.length;
    return this.once(`probe ${at}`, () => probeOf(this.model, at));
  }

  /** What failed is tried again the next time. */
  private once<T>(key: string, make: () => Promise<T>): Promise<T> {
    let made = this.kept.get(key) as Promise<T> | undefined;
    if (made === undefined) {
      made = make();
      this.kept.set(key, made);
      made.catch(() => this.kept.delete(key));
    }
    return made;
  }
}

const baselines = new WeakMap<TrainableModel, Baseline>();

export function baselineOf(model: TrainableModel): Baseline {
  let baseline = baselines.get(model);
  if (baseline === undefined) {
    baseline = new Baseline(model);
    baselines.set(model, baseline);
  }
  return baseline;
}
