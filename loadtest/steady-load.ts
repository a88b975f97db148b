/**
 * Requests at even distances over kept connections, each timed from when it was due, so that a server that stalls is not
 * asked less. Raw sockets and a clock that never sleeps: timers wake a millisecond late, which is what is to be measured.
 */
import { connect, type Socket } from 'node:net';
import { type Distribution, distribution } from './distribution.ts';

export interface SteadyLoad {
  /** Whole path of a route that answers with a chunked body. */
  readonly url: URL;
  /** JSON. */
  readonly body: string;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface SteadyFigures {
  /** From when a request was due to the last byte of its answer. */
  readonly latency: Distribution;
  /** Refused, broken off, or not answered in time. */
  readonly numFailed: number;
}

const maxConnections = 512;
/** For what is still open when the last request was sent. */
const patienceMs = 5_000;
const lastChunk = '0\r\n\r\n';

export async function runSteadyLoad({ url, body, perSecond, seconds }: SteadyLoad): Promise<SteadyFigures> {
  const connections = new Connections(url, requestText(url, body));
  const numRequests = Math.round(perSecond * seconds);
  await evenly(numRequests, 1000 / perSecond, (dueMs) => connections.send(dueMs));
  const tookMs = await connections.close();
  return { latency: distribution(tookMs), numFailed: numRequests - tookMs.length };
}

const requestText = ({ host, pathname }: URL, body: string): string =>
  [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');

function evenly(count: number, gapMs: number, act: (dueMs: number) => void): Promise<void> {
  const startMs = performance.now();
  let next = 0;
  return new Promise((resolve) => {
    const turn = (): void => {
      const nowMs = performance.now();
      for (; next < count && startMs + next * gapMs <= nowMs; next++) act(startMs + next * gapMs);
      if (next < count) setImmediate(turn);
      else resolve();
    };
    turn();
  });
}

class Connections {
  private readonly url: URL;
  private readonly request: string;
  private readonly idle: Connection[] = [];
  private readonly all = new Set<Connection>();
  private readonly tookMs: number[] = [];

  constructor(url: URL, request: string) {
    this.url = url;
    this.request = request;
  }

  /** Sends nothing, which is a failure, where too many wait already. */
  send(dueMs: number): void {
    const connection = this.idle.pop() ?? (this.all.size < maxConnections ? this.open() : null);
    connection?.send(this.request, dueMs);
  }

  /** Times of all answers, once they are there or late. */
  async close(): Promise<readonly number[]> {
    const endMs = performance.now() + patienceMs;
    while (this.idle.length < this.all.size && performance.now() < endMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    for (const connection of this.all) connection.close();
    return this.tookMs;
  }

  private open(): Connection {
    const connection: Connection = new Connection(connect(Number(this.url.port), this.url.hostname), {
      onAnswer: (tookMs) => {
        this.tookMs.push(tookMs);
        this.idle.push(connection);
      },
      onEnd: () => {
        this.all.delete(connection);
        const at = this.idle.indexOf(connection);
        if (at !== -1) this.idle.splice(at, 1);
      },
    });
    this.all.add(connection);
    return connection;
  }
}

interface Events {
  readonly onAnswer: (tookMs: number) => void;
  readonly onEnd: () => void;
}

/** One request at a time. */
class Connection {
  private readonly socket: Socket;
  private readonly onAnswer: Events['onAnswer'];
  private dueMs = 0;
  private isBegun = false;
  private tail = '';

  constructor(socket: Socket, { onAnswer, onEnd }: Events) {
    this.socket = socket.setNoDelay(true);
    this.onAnswer = onAnswer;
    socket.on('data', (bytes) => this.read(bytes.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', onEnd);
  }

  send(request: string, dueMs: number): void {
    this.dueMs = dueMs;
    this.isBegun = false;
    this.tail = '';
    this.socket.write(request);
  }

  close(): void {
    this.socket.destroy();
  }

  private read(text: string): void {
    const isFine = this.isBegun || text.startsWith('HTTP/1.1 200 ');
    this.isBegun = true;
    this.tail = (this.tail + text).slice(-lastChunk.length);
    if (!isFine) this.close();
    else if (this.tail === lastChunk) this.onAnswer(performance.now() - this.dueMs);
  }
}
