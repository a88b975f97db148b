/** Lessons as the inputs of one run of the training graph: texts side by side, each seeing only itself. */
import type { DecoderConfig } from '../../core/arch/config.ts';
import { concatenate } from '../../core/import/matrix.ts';
import type { HostTensor } from '../../core/import/open-graph.ts';
import { invariant } from '../../core/invariant.ts';
import type { Lesson, Text } from './lesson.ts';

/** Added to scores of what a token must not see; its exponential is zero in fp32. */
const unseen = -1e9;

export interface PackOptions {
  readonly config: DecoderConfig;
  /** Above 0, texts come with the residual in front of this layer. */
  readonly firstLayer: number;
  /** Of all teachers of the batch. */
  readonly temperature: number;
}

export type Feeds = Record<string, HostTensor>;

export function pack(lessons: readonly Lesson[], options: PackOptions): Feeds {
  const packer = new Packer(options);
  for (const lesson of lessons) packer.add(lesson);
  return packer.finish();
}

interface Preference {
  /** [sequence, β or −β]. */
  readonly terms: readonly (readonly [number, number])[];
  readonly offset: number;
  readonly dpo: number;
  readonly kto: number;
}

class Packer {
  private readonly options: PackOptions;
  private readonly texts: Omit<Text, 'from'>[] = [];
  private numTokens = 0;
  private readonly rows: number[] = [];
  private readonly targets: number[] = [];
  private readonly ceWeights: number[] = [];
  /** First row, row behind the last, and the reference's log probability. */
  private readonly sequences: { start: number; end: number; reference: number }[] = [];
  private readonly preferences: Preference[] = [];
  private readonly klRows: number[] = [];
  private readonly klWeights: number[] = [];
  private readonly teachers: Float32Array[] = [];

  constructor(options: PackOptions) {
    this.options = options;
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
      const start = this.place(lesson.text);
      for (const row of lesson.rows) {
        this.klRows.push(start + row);
        this.klWeights.push(lesson.weight / lesson.rows.length);
      }
      this.teachers.push(lesson.logits);
    }
  }

  finish(): Feeds {
    const { vocabSize } = this.options.config;
    // The graph wants at least one row of each kind; stand-ins have weight 0.
    if (this.rows.length === 0) this.pushRow(0, 0, 0);
    if (this.sequences.length === 0) this.sequences.push({ start: 0, end: 1, reference: 0 });
    if (this.preferences.length === 0) this.preferences.push({ terms: [], offset: 0, dpo: 0, kto: 0 });
    if (this.klRows.length === 0) {
      this.klRows.push(0);
      this.klWeights.push(0);
      this.teachers.push(new Float32Array(vocabSize));
    }
    const [m, n, j, k] = [this.rows, this.sequences, this.preferences, this.klRows].map((x) => x.length);
    return {
      ...this.textFeeds(),
      rows: int64(this.rows, [m!]),
      targets: int64(this.targets, [m!, 1]),
      ce_weights: float(this.ceWeights, [m!, 1]),
      membership: this.membership(),
      reference: float(
        this.sequences.map(({ reference }) => reference),
        [n!, 1],
      ),
      contrast: this.contrast(),
      offsets: float(
        this.preferences.map(({ offset }) => offset),
        [j!, 1],
      ),
      dpo_weights: float(
        this.preferences.map(({ dpo }) => dpo),
        [j!, 1],
      ),
      kto_weights: float(
        this.preferences.map(({ kto }) => kto),
        [j!, 1],
      ),
      kl_rows: int64(this.klRows, [k!]),
      kl_weights: float(this.klWeights, [k!, 1]),
      teacher: { dims: [k!, vocabSize], data: concatenate(this.teachers) },
      temperature: float([this.options.temperature], []),
    };
  }

  /** Appends the text; returns the index of its first token. */
  private place(text: Omit<Text, 'from'>): number {
    const start = this.numTokens;
    this.texts.push(text);
    this.numTokens += text.tokens.length;
    return start;
  }

  /** Places the text and its scored rows; `weight` is shared by them. Returns the first of these rows. */
  private score(text: Text, weight: number): number {
    invariant(
      text.from >= 1 && text.from < text.tokens.length,
      'a text has a token in front and one to score',
    );
    const start = this.place(text);
    const first = this.rows.length;
    const each = weight / (text.tokens.length - text.from);
    for (let at = text.from; at < text.tokens.length; at++)
      this.pushRow(start + at - 1, text.tokens[at]!, each);
    return first;
  }

  private sequence(text: Text, reference: number, weight: number): number {
    const start = this.score(text, weight);
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

  private textFeeds(): Feeds {
    const { numTokens, texts } = this;
    const { firstLayer, config } = this.options;
    const positions = texts.flatMap(({ tokens }) => tokens.map((_, index) => index));
    const common = {
      positions: int64(positions, [1, numTokens]),
      mask: this.mask(),
    };
    if (firstLayer === 0) {
      const ids = texts.flatMap(({ tokens }) => [...tokens]);
      return { ...common, ids: int64(ids, [1, numTokens]) };
    }
    const residual = concatenate(
      texts.map((text) => {
        invariant(text.residual !== undefined, 'texts come with what the frozen layers made of them');
        return text.residual;
      }),
    );
    return { ...common, residual: { dims: [1, numTokens, config.hiddenSize], data: residual } };
  }

  private mask(): HostTensor {
    const size = this.numTokens;
    const window = this.options.config.slidingWindow ?? Number.POSITIVE_INFINITY;
    const data = new Float32Array(size * size).fill(unseen);
    let start = 0;
    for (const { tokens } of this.texts) {
      for (let row = 0; row < tokens.length; row++) {
        const first = start + Math.max(0, row - window + 1);
        data.fill(0, (start + row) * size + first, (start + row) * size + start + row + 1);
      }
      start += tokens.length;
    }
    return { dims: [size, size], data };
  }
}

const float = (values: readonly number[], dims: readonly number[]): HostTensor => ({
  dims,
  data: Float32Array.from(values),
});

function int64(values: readonly number[], dims: readonly number[]): HostTensor {
  const data = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]!);
  return { dims, data };
}
