/** What the processes of a program listen on, as Linux tells it in /proc. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export const canTellListeners = existsSync('/proc/self/net/tcp');

/** State of a TCP socket that listens; a UDP socket that takes from anybody has 07. */
const listens: Readonly<Record<string, string>> = { tcp: '0A', tcp6: '0A', udp: '07', udp6: '07' };
/** Flags of a Unix socket that takes connections. */
const acceptsConnections = 0x10000;

/** The process and all that it has started. */
export function processTree(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  const tree = [pid];
  for (let index = 0; index < tree.length; index++)
    tree.push(...parents.filter(([, parent]) => parent === tree[index]).map(([child]) => child));
  return tree;
}

function parentOf(pid: number): number {
  // Gone meanwhile, or another user's.
  const status = textOf(`/proc/${pid}/status`);
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** "tcp 127.0.0.1:8080", "unix /run/x"; of all the processes. */
export function listenersOf(pids: readonly number[]): string[] {
  const inodes = new Set(pids.flatMap(socketsOf));
  const found = Object.entries(listens).flatMap(([protocol, state]) =>
    rowsOf(`/proc/self/net/${protocol}`)
      .filter((row) => row[3] === state && inodes.has(row[9]!))
      .map((row) => `${protocol} ${addressOf(row[1]!)}`),
  );
  const unix = rowsOf('/proc/self/net/unix')
    .filter((row) => Number.parseInt(row[3]!, 16) & acceptsConnections && inodes.has(row[6]!))
    .map((row) => `unix ${row[7] ?? ''}`);
  return [...found, ...unix].sort();
}

const rowsOf = (path: string): string[][] =>
  textOf(path)
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/));

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.slice(1) ?? [];
    } catch {
      return [];
    }
  });
}

/** "0100007F:1F90" → "127.0.0.1:8080": of four bytes, in the machine's order; longer ones stay as they are. */
function addressOf(text: string): string {
  const [host, port] = text.split(':') as [string, string];
  const bytes = host.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
  return `${bytes.length === 4 ? bytes.reverse().join('.') : host}:${Number.parseInt(port, 16)}`;
}
