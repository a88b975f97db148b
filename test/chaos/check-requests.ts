/** Every request has ended once, and as it may have ended at that time. Pure. */
import type { Outage } from './gateway.ts';
import type { Noted } from './traffic.ts';

/** Statuses that tell a client to come again; anything else is a fault of the server's. */
const maySay = new Set([429, 503]);

/** `outagesOf` gives a gateway's. Answers with complaints. */
export function complaintsAboutRequests(
  noted: readonly Noted[],
  outagesOf: (gateway: string) => readonly Outage[],
): string[] {
  return [
    ...noted.flatMap((each) => complaintAbout(each, outagesOf(each.gateway))),
    ...contradictions(noted),
  ];
}

function complaintAbout({ what, heard, ending }: Noted, outages: readonly Outage[]): string[] {
  const at = `${what}, ${Math.round(heard.startMs)} to ${Math.round(heard.endMs)} ms`;
  switch (ending.kind) {
    case 'answer':
    case 'failed':
    case 'left':
      return [];
    case 'hung':
    case 'wrong':
      return [`${at}: ${ending.kind}${ending.kind === 'wrong' ? `: ${ending.reason}` : ''}`];
    case 'refused':
      // An answer whose storing was cut off by a crash can get no feedback.
      if (maySay.has(ending.status) || ending.code === 'response_not_found') return [];
      return [`${at}: refused with ${ending.status} ${ending.code}`];
    case 'broken':
      return outages.some((outage) => mayBreak(outage, heard)) ? [] : [`${at}: broken: ${ending.reason}`];
  }
}

/** An end in order breaks nothing that it has begun to answer, and nothing that came before it. */
function mayBreak({ kind, fromMs, toMs }: Outage, { startMs, endMs, status }: Noted['heard']): boolean {
  if (startMs > toMs || endMs < fromMs) return false;
  return kind === 'killed' || (status === null && endMs >= fromMs);
}

/** The same version says the same to the same prompt: of two greedy answers one begins with the other. */
export function contradictions(noted: readonly Noted[]): string[] {
  const longest = new Map<string, string>();
  const complaints: string[] = [];
  for (const { what, ending } of noted) {
    const prompt = /^(?:stream|whole) (.*)$/.exec(what)?.[1];
    if (ending.kind !== 'answer' || prompt === undefined) continue;
    const about = `${ending.version}, asked "${prompt}"`;
    const known = longest.get(about) ?? '';
    const [short, long] = known.length < ending.text.length ? [known, ending.text] : [ending.text, known];
    if (!long.startsWith(short)) complaints.push(`${about}: "${short}" and "${long}"`);
    longest.set(about, long);
  }
  return complaints;
}
