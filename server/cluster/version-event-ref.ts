import type { VersionEvent } from '../../core/registry/learning-layout.ts';
import type { VersionRef } from './version-ref.ts';

/** The version that an event says is there; null where it says that there is none. */
export function refOf(event: VersionEvent): VersionRef | null {
  if (event.type === 'published') return { kind: 'adapter', id: event.adapter };
  return event.type === 'base' ? { kind: 'base', model: event.model, version: event.version } : null;
}
