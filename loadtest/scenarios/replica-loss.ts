import { complete, type Target } from '../client.ts';
import type { Figure } from '../figure.ts';
import type { Outcome } from '../outcome.ts';
import { createRandom } from '../random.ts';
import type { Rig, Size } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { pause } from '../wait.ts';

/** What a client may take for the death of a replica; not a silence that it has to end itself. */
const cleanKinds = new Set(['connection', 'broken stream', 'refused']);
/** Of a client whose replica is gone, before it asks another. */
const turnMs = 20;

export const replicaLoss: Scenario = {
  name: 'replica-loss',
  answers: 'When one of several replicas dies, do only its own requests fail, with a clear error, at once?',
  holds: ['elsewhere.failed <= 0', 'lost.unclean <= 0', 'lost.notice.max <= 1s', 'turned.answered > 0'],
  missing({ urls, killReplica }) {
    if (urls.length < 2) return 'a --url for each replica, two at least; the last one dies';
    return killReplica === null
      ? '--kill-pid or --kill-command, which ends the replica of the last --url'
      : null;
  },
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 4, promptTokens: 16, outputTokens: 64, numRequests: 400, seconds: 4 },
      full: { clients: 8, promptTokens: 64, outputTokens: 64, numRequests: 4_000, seconds: 30 },
    });
    rig.take(size.numRequests);
    const fleet = new Fleet(rig, size);
    const running = fleet.run();
    await pause((size.seconds * 1000) / 3);
    const killMs = performance.now();
    await rig.given.killReplica!();
    await running;
    rig.checkTime();
    const { elsewhere, lost } = fleet;
    return {
      loads: [
        rig.loadOf('elsewhere', 'requests on the replicas that live', elsewhere),
        rig.loadOf('lost', 'requests on the replica that dies', lost),
      ],
      figures: figuresOf(lost, fleet.turned, killMs),
    };
  },
};

/** Clients in a closed loop, spread over the replicas; one whose replica fails turns to the next one. */
class Fleet {
  readonly elsewhere: Outcome[] = [];
  readonly lost: Outcome[] = [];
  /** Of clients that had to turn to another replica. */
  readonly turned: Outcome[] = [];
  private readonly rig: Rig;
  private readonly size: Size;
  private readonly targets: readonly Target[];
  private readonly random: () => number;
  private numSent = 0;

  constructor(rig: Rig, size: Size) {
    [this.rig, this.size] = [rig, size];
    this.random = createRandom(rig.seed);
    this.targets = rig.given.urls.map((url) => rig.targetOf({ url }));
  }

  async run(): Promise<void> {
    const endMs = performance.now() + this.size.seconds * 1000;
    await Promise.all(Array.from({ length: this.size.clients }, (_, index) => this.client(index, endMs)));
  }

  private async client(first: number, endMs: number): Promise<void> {
    let at = first % this.targets.length;
    let hasTurned = false;
    while (performance.now() < endMs && this.numSent < this.size.numRequests && !this.rig.signal.aborted) {
      this.numSent++;
      const outcome = await this.send(this.targets[at]!);
      const isLast = at === this.targets.length - 1;
      (isLast ? this.lost : this.elsewhere).push(outcome);
      if (hasTurned) this.turned.push(outcome);
      if (outcome.ok) continue;
      at = (at + 1) % this.targets.length;
      hasTurned = true;
      await pause(turnMs);
    }
  }

  private send(target: Target): Promise<Outcome> {
    const { promptTokens, outputTokens: maxTokens } = this.size;
    const prompt = this.rig.makePrompt(promptTokens, this.random);
    return complete(target, { prompt, maxTokens, signal: this.rig.signal });
  }
}

function figuresOf(lost: readonly Outcome[], turned: readonly Outcome[], killMs: number): Figure[] {
  const failed = lost.filter(({ ok }) => !ok);
  const notices = failed.map(({ startMs, endMs }) => endMs - Math.max(startMs, killMs));
  return [
    { path: 'lost.notice.max', value: notices.length === 0 ? null : Math.max(...notices), unit: 'ms' },
    { path: 'lost.early', value: failed.filter(({ endMs }) => endMs < killMs).length, unit: 'count' },
    {
      path: 'lost.unclean',
      value: failed.filter(({ failure }) => !cleanKinds.has(failure!)).length,
      unit: 'count',
    },
    { path: 'turned.answered', value: turned.filter(({ ok }) => ok).length, unit: 'count' },
  ];
}
