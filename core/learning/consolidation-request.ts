/**
 * A consolidation that was asked for: a file that the server writes and the trainer removes when all is told, so that it
 * is done although either of them is killed. There is one at most.
 */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../read-if-there.ts';
import type { LearningLayout } from '../registry/learning-layout.ts';
import { replaceFile } from '../replace-file.ts';

export interface ConsolidationRequest {
  /** ISO 8601. */
  readonly at: string;
  readonly model: string;
  readonly tenant: string;
  /** The tenant's stable version when it was asked for: what is merged. */
  readonly adapter: string;
  /** How often it was begun. */
  readonly attempts: number;
}

type Layout = Pick<LearningLayout, 'requests'>;

const pathOf = ({ requests }: Layout): string => join(requests, 'consolidate.json');

/** The open request; null when there is none. Throws for a file that is not one of ours. */
export async function readConsolidationRequest(layout: Layout): Promise<ConsolidationRequest | null> {
  const text = await readIfThere(pathOf(layout));
  return text === null ? null : (JSON.parse(text) as ConsolidationRequest);
}

/** In place of the open request, where there is one. Durable when it returns. */
export async function writeConsolidationRequest(
  layout: Layout,
  request: ConsolidationRequest,
): Promise<void> {
  await mkdir(layout.requests, { recursive: true });
  await replaceFile(pathOf(layout), `${JSON.stringify(request)}\n`);
}

export async function removeConsolidationRequest(layout: Layout): Promise<void> {
  await rm(pathOf(layout), { force: true });
}
