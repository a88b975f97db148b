/**
 * A process with all of a replica that carries feedback: keeper, link to Redis, mirror. Started with its options as JSON;
 * answers `Ask` with `Answer`. Tests kill it at any moment.
 */
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { openFeedbackMirror } from '../../server/cluster/feedback-mirror.ts';
import { openKeeper } from '../../server/feedback/keeper.ts';
import { RedisLink } from '../../server/redis/redis-link.ts';
import { RedisLogStream } from '../../server/redis/redis-log-stream.ts';

export interface ReplicaOptions {
  readonly url: string;
  readonly origin: string;
  readonly dir: string;
}

export interface Ask {
  readonly call: number;
  /** The row's text. */
  readonly text: string;
}

export type Answer =
  | { readonly call: number; readonly id: string }
  | { readonly call: number; readonly failure: string }
  | { readonly call: 0; readonly problem: string };

const { url, origin, dir } = JSON.parse(process.argv[2]!) as ReplicaOptions;
const tell = (answer: Answer): void => {
  process.send!(answer);
};
const onProblem = (problem: string): void => tell({ call: 0, problem });

const layout = learningLayout(dir);
const keeper = await openKeeper(
  {
    folders: layout,
    responses: null,
    log: { segmentBytes: 64 * 2 ** 20, totalBytes: 1e9, maxPending: 1_000 },
    maxIndexed: 100_000,
    origin,
  },
  { onProblem },
);
const link = new RedisLink({ url, name: 'test', client: origin, commandMs: 250, random: Math.random });
const mirror = await openFeedbackMirror({
  layout,
  keeper,
  stream: new RedisLogStream({ link, name: 'feedback', maxEntries: 10_000 }),
  origin,
  pollMs: 10,
  groupIdleMs: 1e9,
  minResendIntervalMs: 1_000,
  onReceived: () => {},
  onProblem,
});
process.on('message', async ({ call, text }: Ask) => {
  try {
    const { id } = await keeper.call('feedback', {
      tenant: 'acme',
      account: origin,
      subject: {
        kind: 'demonstration',
        model: 'tiny',
        context: { kind: 'text', prompt: text },
        answer: text,
      },
      idempotency: null,
    });
    mirror.wake();
    tell({ call, id });
  } catch (error) {
    tell({ call, failure: (error as { code?: string }).code ?? String(error) });
  }
});
tell({ call: 0, problem: 'ready' });
