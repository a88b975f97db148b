/** What the learner's trainer has decided comes here: its logs line by line, versions before the events that name them. */
import { join } from 'node:path';
import { MillraceError } from '../../core/errors.ts';
import type { Fate } from '../../core/feedback/record.ts';
import type { LearningLayout, VersionEvent } from '../../core/registry/learning-layout.ts';
import { type CarriedLog, receivedBy } from './carried-log.ts';
import { LogReceiver } from './log-receiver.ts';
import type { LogStream } from './log-stream.ts';
import type { MirrorOptions } from './mirror-options.ts';
import { MirroredLog } from './mirrored-log.ts';
import { refOf } from './version-event-ref.ts';
import type { VersionSource } from './version-source.ts';

export interface FollowerMirrorOptions extends MirrorOptions {
  readonly layout: Pick<LearningLayout, 'fates' | 'versions' | 'cursors'>;
  readonly streams: { readonly fates: LogStream; readonly versions: LogStream };
  /** At least as many lines as the streams hold. */
  readonly maxKnown: number;
  readonly source: VersionSource;
}

export interface FollowerMirror {
  readonly fates: LogReceiver<Fate>;
  readonly versions: LogReceiver<VersionEvent>;
  state(): readonly CarriedLog[];
  /** After the source was closed, since events may wait for it. */
  close(): Promise<void>;
}

const limits = { segmentBytes: 8 * 2 ** 20, totalBytes: 256 * 2 ** 20, maxPending: 1_024 };

/** No trainer may run here: it would write the same logs. */
export async function openFollowerMirror(options: FollowerMirrorOptions): Promise<FollowerMirror> {
  const { layout, streams, maxKnown } = options;
  const fateLog = await MirroredLog.open({ folder: layout.fates, limits, maxKnown });
  const versionLog = await MirroredLog.open({ folder: layout.versions, limits, maxKnown });
  const fates = await LogReceiver.open<Fate>({
    ...options,
    name: 'fates',
    cursor: join(layout.cursors, 'fates-received'),
    stream: streams.fates,
    async append(records) {
      await fateLog.append(records);
    },
  });
  const versions = await LogReceiver.open<VersionEvent>({
    ...options,
    name: 'versions',
    cursor: join(layout.cursors, 'versions-received'),
    stream: streams.versions,
    async append(events) {
      for (const event of events) if (await isHad(event, options)) await versionLog.append([event]);
    },
  });
  return {
    fates,
    versions,
    state: () => [receivedBy('fates', fates), receivedBy('versions', versions)],
    async close() {
      await Promise.all([fates.close(), versions.close()]);
      await Promise.all([fateLog.close(), versionLog.close()]);
    },
  };
}

/**
 * Whether the version that an event names is here, where it names one. One that is gone or is not what it says will never
 * be: its event is left out. Throws when it may come later.
 */
async function isHad(event: VersionEvent, { source, onProblem }: FollowerMirrorOptions): Promise<boolean> {
  const ref = refOf(event);
  if (ref === null) return true;
  try {
    await source.ensure(ref);
    return true;
  } catch (error) {
    const isFinal = error instanceof MillraceError && finalCodes.has(error.code);
    if (!isFinal) throw error;
    onProblem(`a version of the learner is left out: ${error.message}`);
    return false;
  }
}

const finalCodes: ReadonlySet<string> = new Set(['version_not_found', 'version_invalid']);
