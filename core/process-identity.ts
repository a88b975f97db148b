/** Which process a number means. Numbers are given again: where the system tells when a process began, that is part of it. */
import { readFileSync } from 'node:fs';

/** "17@4711", or "17" where nothing more is known of it. */
export function identityOf(pid: number): string {
  const told = toldOf(pid);
  return told === null ? String(pid) : `${pid}@${told.start}`;
}

/** Whether the process of an identity still runs. One that has ended and that its parent has not asked about does not. */
export function isRunning(identity: string): boolean {
  const [number, start] = identity.split('@');
  const pid = Number(number);
  if (!Number.isInteger(pid) || pid <= 0 || !isThere(pid)) return false;
  const told = toldOf(pid);
  return told === null || (!hasEnded(told.state) && (start === undefined || start === told.start));
}

/** The same of a process that is not this one: under this one's number it is a predecessor, which has ended. */
export const isOtherRunning = (identity: string): boolean =>
  identity.split('@')[0] !== String(process.pid) && isRunning(identity);

/** Whether a signal has stopped it, so that it does nothing until another one comes. Null where the system does not tell. */
export function isStopped(pid: number): boolean | null {
  const told = toldOf(pid);
  return told === null ? null : told.state === 'T';
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const hasEnded = (state: string): boolean => state === 'Z' || state === 'X';

/**
 * What Linux tells in /proc/<pid>/stat behind the name, which may hold anything: the state, field 3, T for stopped and Z
 * for zombies, and in field 22 the ticks from the system's start to the process'.
 */
function toldOf(pid: number): { readonly state: string; readonly start: string } | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, start: fields[19]! };
  } catch {
    return null;
  }
}
