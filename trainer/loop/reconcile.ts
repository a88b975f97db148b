/**
 * Brings a line in agreement with what is served: versions that were taken back leave the chain it builds on, their rows
 * with them; rows that were undone leave, and what was learned on top of them waits to be learned again. Pure.
 */
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import type { TenantAliases } from '../../core/registry/aliases.ts';
import { cleanAncestor, rowsOf } from '../../core/registry/lineage.ts';
import { type Changed, dropped } from './decided.ts';
import type { Line } from './line.ts';
import { isPlanted, plantedReason } from './suspicion.ts';

/** `chain` is that of the line's head, newest first; of a version of another base nothing. */
export function reconcile(
  line: Line,
  chain: readonly AdapterManifest[],
  aliases: TenantAliases,
  nowMs: number,
): Changed {
  const undone = new Set(aliases.undone);
  const takenBack = new Set(aliases.rolledBack);
  const isBad = ({ id, rows }: AdapterManifest): boolean =>
    takenBack.has(id) || rows.some((row) => undone.has(row));
  const waits = line.waiting.filter(({ example }) => !undone.has(example.id));
  const left = line.waiting.filter(({ example }) => undone.has(example.id));
  const fates = left.map(({ example }) => dropped(example.id, 'its influence was removed on request'));
  const held = line.held.filter(({ id }) => !undone.has(id));
  const isSame = left.length === 0 && held.length === line.held.length;
  if (!chain.some(isBad)) return { line: isSame ? line : { ...line, held, waiting: waits }, fates };
  const head = cleanAncestor(chain, isBad);
  const kept = rowsOf(chain.slice(head === null ? chain.length : chain.findIndex(({ id }) => id === head)));
  const rolledBack = rowsOf(chain.filter(({ id }) => takenBack.has(id)));
  const learned = rowsOf(chain);
  const leaves = (id: string): boolean => learned.has(id) && !kept.has(id);
  const again = line.replay.filter(({ example: { id } }) => leaves(id));
  const reasonOf = (id: string): string | null =>
    undone.has(id)
      ? isPlanted(line, id)
        ? plantedReason
        : 'its influence was removed on request'
      : rolledBack.has(id)
        ? 'the version that had learned it was taken back'
        : null;
  const lost = again.flatMap(({ example: { id } }) => {
    const reason = reasonOf(id);
    return reason === null ? [] : [dropped(id, reason)];
  });
  const rebuilt = again.filter(({ example }) => reasonOf(example.id) === null);
  return {
    line: {
      ...line,
      head,
      held,
      replay: line.replay.filter(({ example }) => !leaves(example.id)),
      waiting: [...rebuilt.map(({ example }) => ({ example, sinceMs: nowMs, refusals: 0 })), ...waits],
    },
    fates: [
      ...fates,
      ...lost,
      ...rebuilt.map(({ example }) => ({ id: example.id, state: { kind: 'queued' as const } })),
    ],
  };
}
