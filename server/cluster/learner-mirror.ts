/** What the trainer of this replica has decided goes to all others. */
import { join } from 'node:path';
import { MillraceError } from '../../core/errors.ts';
import type { LearningLayout, VersionEvent } from '../../core/registry/learning-layout.ts';
import { type CarriedLog, sentBy } from './carried-log.ts';
import { LogSender } from './log-sender.ts';
import type { LogStream } from './log-stream.ts';
import type { MirrorOptions } from './mirror-options.ts';
import { refOf } from './version-event-ref.ts';
import type { VersionRef } from './version-ref.ts';

export interface LearnerMirrorOptions extends Pick<MirrorOptions, 'origin' | 'pollMs' | 'onProblem'> {
  readonly layout: Pick<LearningLayout, 'fates' | 'versions' | 'cursors'>;
  readonly streams: { readonly fates: LogStream; readonly versions: LogStream };
  /** Puts a version where the others fetch it, before they hear of it; null where they ask this replica for it. */
  readonly offer: ((ref: VersionRef) => Promise<void>) | null;
}

export interface LearnerMirror {
  readonly fates: LogSender;
  readonly versions: LogSender;
  state(): readonly CarriedLog[];
  close(): Promise<void>;
}

export async function openLearnerMirror(options: LearnerMirrorOptions): Promise<LearnerMirror> {
  const { layout, streams, offer } = options;
  const fates = await LogSender.open({
    ...options,
    name: 'fates',
    log: layout.fates,
    cursor: join(layout.cursors, 'fates-sent.json'),
    stream: streams.fates,
  });
  const versions = await LogSender.open({
    ...options,
    name: 'versions',
    log: layout.versions,
    cursor: join(layout.cursors, 'versions-sent.json'),
    stream: streams.versions,
    async before(record) {
      const ref = refOf(record as VersionEvent);
      if (ref !== null) await offer?.(ref).catch(unlessGone);
    },
  });
  return {
    fates,
    versions,
    state: () => [sentBy('fates', fates), sentBy('versions', versions)],
    async close() {
      await Promise.all([fates.close(), versions.close()]);
    },
  };
}

/** A version that was removed since is told of nevertheless. */
function unlessGone(error: unknown): void {
  if (!(error instanceof MillraceError && error.code === 'version_not_found')) throw error;
}
