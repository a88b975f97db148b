/** Lessons as the inputs of one run of the training graph, see objective.ts. */
import type { DecoderConfig } from '../../core/arch/config.ts';
import { concatenate } from '../../core/import/matrix.ts';
import type { HostTensor } from '../../core/import/open-graph.ts';
import { invariant } from '../../core/invariant.ts';
import { type Feeds, Layout } from './layout.ts';
import { type Lesson, type Text, textsOf } from './lesson.ts';

export interface PackOptions {
  readonly config: DecoderConfig;
  /** Above 0, texts come with the residual in front of this layer. */
  readonly firstLayer: number;
  /** Of all teachers of the batch. */
  readonly temperature: number;
}

export function pack(lessons: readonly Lesson[], options: PackOptions): Feeds {
  const layout = new Layout(lessons.flatMap(textsOf), options.config);
  const packer = new Packer(layout);
  for (const lesson of lessons) packer.add(lesson);
  const texts = options.firstLayer === 0 ? layout.tokenFeeds() : layout.residualFeeds();
  return { ...texts, ...packer.finish(options) };
}

interface Preference {
  /** [sequence, β or −β]. */
  readonly terms: readonly (readonly [number, number])[];
  readonly offset: number;
  readonly dpo: number;
  readonly kto: number;
}

class Packer {
  private readonly layout: Layout;
  private numTexts = 0;
  private readonly rows: number[] = [];
  private readonly targets: number[] = [];
  private readonly ceWeights: number[] = [];
  /** First row, row behind the last, and the reference's log probability. */
  private readonly sequences: { start: number; end: number; reference: number }[] = [];
  private readonly preferences: Preference[] = [];
  private readonly klRows: number[] = [];
  private readonly klWeights: number[] = [];
  private readonly teachers: Float32Array[] = [];

  /** `layout` holds the lessons' texts in the order in which the lessons are added. */
  constructor(layout: Layout) {
    this.layout = layout;
  }

  add(lesson: Lesson): void {
    if (lesson.kind === 'answer') {
      this.score(lesson.text, lesson.weight);
    } else if (lesson.kind === 'pair') {
      const { chosen, rejected, reference, beta, weight, nllWeight } = lesson;
      const better = this.sequence(chosen, reference.chosen, weight * nllWeight);
      const worse = this.sequence(rejected, reference.rejected, 0);
      const terms = [[better, beta] as const, [worse, -beta] as const];
      this.preferences.push({ terms, offset: 0, dpo: weight, kto: 0 });
    } else if (lesson.kind === 'thumb') {
      const { text, isGood, reference, shift, weight } = lesson;
      const beta = isGood ? lesson.beta : -lesson.beta;
      const terms = [[this.sequence(text, reference, 0), beta] as const];
      this.preferences.push({ terms, offset: -beta * shift, dpo: 0, kto: weight });
    } else {
      const text = this.numTexts++;
      for (const row of lesson.rows) {
        this.klRows.push(this.layout.rowOf(text, row));
        this.klWeights.push(lesson.weight / lesson.rows.length);
      }
      this.teachers.push(lesson.logits);
    }
  }

  finish({ config, temperature }: PackOptions): Feeds {
    this.addStandIns(config.vocabSize);
    const { rows, targets, sequences, preferences, klRows } = this;
    const [m, n, j, k] = [rows.length, sequences.length, preferences.length, klRows.length];
    return {
      rows: int64(rows, [m]),
      targets: int64(targets, [m, 1]),
      ce_weights: float(this.ceWeights, [m, 1]),
      membership: this.membership(),
      reference: float(
        sequences.map(({ reference }) => reference),
        [n, 1],
      ),
      contrast: this.contrast(),
      offsets: float(
        preferences.map(({ offset }) => offset),
        [j, 1],
      ),
      dpo_weights: float(
        preferences.map(({ dpo }) => dpo),
        [j, 1],
      ),
      kto_weights: float(
        preferences.map(({ kto }) => kto),
        [j, 1],
      ),
      kl_rows: int64(klRows, [k]),
      kl_weights: float(this.klWeights, [k, 1]),
      teacher: { dims: [k, config.vocabSize], data: concatenate(this.teachers) },
      temperature: float([temperature], []),
    };
  }

  /** The graph wants at least one row of each kind; stand-ins have weight 0. */
  private addStandIns(vocabSize: number): void {
    if (this.rows.length === 0) this.pushRow(0, 0, 0);
    if (this.sequences.length === 0) this.sequences.push({ start: 0, end: 1, reference: 0 });
    if (this.preferences.length === 0) this.preferences.push({ terms: [], offset: 0, dpo: 0, kto: 0 });
    if (this.klRows.length > 0) return;
    this.klRows.push(0);
    this.klWeights.push(0);
    this.teachers.push(new Float32Array(vocabSize));
  }

  /** Rows of the scored tokens; `weight` is shared by them. */
  private score(text: Text, weight: number): void {
    invariant(
      text.from >= 1 && text.from < text.tokens.length,
      'a text has a token in front and one to score',
    );
    const index = this.numTexts++;
    const each = weight / (text.tokens.length - text.from);
    for (let at = text.from; at < text.tokens.length; at++) {
      this.pushRow(this.layout.rowOf(index, at - 1), text.tokens[at]!, each);
    }
  }

  private sequence(text: Text, reference: number, weight: number): number {
    const start = this.rows.length;
    this.score(text, weight);
    this.sequences.push({ start, end: this.rows.length, reference });
    return this.sequences.length - 1;
  }

  private pushRow(row: number, target: number, weight: number): void {
    this.rows.push(row);
    this.targets.push(target);
    this.ceWeights.push(weight);
  }

  private membership(): HostTensor {
    const width = this.rows.length;
    const data = new Float32Array(this.sequences.length * width);
    this.sequences.forEach(({ start, end }, index) => {
      data.fill(1, index * width + start, index * width + end);
    });
    return { dims: [this.sequences.length, width], data };
  }

  private contrast(): HostTensor {
    const width = this.sequences.length;
    const data = new Float32Array(this.preferences.length * width);
    this.preferences.forEach(({ terms }, index) => {
      for (const [sequence, factor] of terms) data[index * width + sequence] = factor;
    });
    return { dims: [this.preferences.length, width], data };
  }
}

const float = (values: readonly number[], dims: readonly number[]): HostTensor => ({
  dims,
  data: Float32Array.from(values),
});

const int64 = (values: readonly number[], dims: readonly number[]): HostTensor => ({
  dims,
  data: BigInt64Array.from(values, BigInt),
});
