/** What the base says to canaries and secret probes. It never changes, so that it is asked once and kept with the model. */
import { canaries } from '../anchors/anchor-texts.ts';
import { MadeOnce } from '../anchors/made-once.ts';
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
  private readonly kept = new MadeOnce<string>();

  constructor(model: TrainableModel) {
    this.model = model;
  }

  /** Any index: they go round. */
  canary(index: number): Promise<Canary> {
    const at = index % canaries.length;
    return this.kept.get(`canary ${at}`, async () => {
      const { encoder, trunk, forward, fresh } = this.model;
      const { question, answer } = canaries[at]!;
      const [text] = await trunk.prepare([encoder.encode(encoder.asking(question), answer)]);
      const [scored] = await forward.score(fresh, [text!]);
      return { text: text!, logprobs: scored!.logprobs };
    });
  }

  probe(index: number): Promise<Probe> {
    const at = index % secretProbes.length;
    return this.kept.get(`probe ${at}`, () => probeOf(this.model, at));
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
