/** What the frozen layers make of a text is computed once while there is room to keep it; the longest unused leave first. */
import type { PlainText } from './layout.ts';
import type { TrunkSession } from './trunk-session.ts';

/** `maxBytes` bounds the residuals that are kept. */
export function cacheTrunk(trunk: TrunkSession, maxBytes: number): TrunkSession {
  const kept = new Map<string, Float32Array>();
  let bytes = 0;
  const keyOf = ({ tokens }: PlainText): string => tokens.join();
  const keep = (key: string, residual: Float32Array): void => {
    if (kept.delete(key)) bytes -= residual.byteLength;
    kept.set(key, residual);
    bytes += residual.byteLength;
    for (const [oldest, { byteLength }] of kept) {
      if (bytes <= maxBytes) return;
      kept.delete(oldest);
      bytes -= byteLength;
    }
  };
  return {
    async prepare(texts) {
      const missing = new Map(
        texts.filter((text) => !kept.has(keyOf(text))).map((text) => [keyOf(text), text]),
      );
      const made = await trunk.prepare([...missing.values()]);
      // Also what finds no room is needed for now.
      const fresh = new Map(made.map((text) => [keyOf(text), text.residual]));
      for (const text of made) if (text.residual !== undefined) keep(keyOf(text), text.residual);
      const residualOf = (text: PlainText): Float32Array | undefined => {
        const found = fresh.get(keyOf(text)) ?? kept.get(keyOf(text));
        if (found !== undefined) keep(keyOf(text), found);
        return found;
      };
      return texts.map((text) => {
        const residual = residualOf(text);
        return residual === undefined ? text : { ...text, residual };
      });
    },
    close: () => trunk.close(),
  };
}
