/** Versions of adapters that hold nothing, for tests of what serves them. */
import { servedFile } from '../../core/adapter/served.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';

export interface FakeVersion {
  readonly model: string;
  readonly tenant: string;
  /** Digest, "sha256:…". */
  readonly base: string;
  readonly parent?: string | null;
  readonly rows?: readonly string[];
}

let count = 0;

/** Returns its id; no two are the same. */
export async function publishFake(layout: LearningLayout, version: FakeVersion): Promise<string> {
  const bytes = new TextEncoder().encode(`adapter ${++count}`);
  const lineage = {
    parent: null,
    rows: [],
    ...version,
    recipe: { kind: 'feedback' },
    shape: { rank: 8, alpha: 16, firstLayer: 0, targets: ['q' as const] },
    gate: null,
  };
  const { id } = await publishAdapter(layout.adapters, { [servedFile]: bytes }, lineage, new Date(count));
  return id;
}
