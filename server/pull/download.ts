/**
 * One file over HTTP into a new local file, with digest, size and time checked.
 * Redirects are followed by hand: the hub states a file's digest on the first answer only.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

const maxRedirects = 5;
const sha256Pattern = /^"?([0-9a-f]{64})"?$/;

export interface DownloadOptions {
  readonly url: string;
  /** Must not exist yet. */
  readonly path: string;
  /** From request to answer, per hop. */
  readonly connectMs: number;
  /** Without a byte for this long, the download fails. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  /** What the content must be; null takes what the server's x-linked-etag says, if anything. */
  readonly sha256: string | null;
  onBytes(done: number, total: number | null): void;
}

/** `ms` without a `touch` aborts with the message. */
function deadline(ms: number, message: string) {
  const controller = new AbortController();
  const abort = () => controller.abort(new Error(message));
  let timer = setTimeout(abort, ms);
  return {
    signal: controller.signal,
    touch() {
      clearTimeout(timer);
      timer = setTimeout(abort, ms);
    },
    end: () => clearTimeout(timer),
  };
}

/** A failed fetch hides its reason in `cause`. */
function reason(error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** The answer's head, within `connectMs`; the body may then take as long as `signal` lets it. */
export async function request(
  url: string,
  options: { readonly connectMs: number; readonly signal: AbortSignal; readonly accept?: string },
): Promise<Response> {
  const connect = deadline(options.connectMs, `no answer within ${options.connectMs} ms`);
  const headers = {
    accept: options.accept ?? '*/*',
    'accept-encoding': 'identity',
    'user-agent': 'millrace',
  };
  try {
    const signal = AbortSignal.any([connect.signal, options.signal]);
    return await fetch(url, { redirect: 'manual', headers, signal });
  } catch (error) {
    throw reason(error);
  } finally {
    connect.end();
  }
}

async function follow(options: DownloadOptions): Promise<{ response: Response; sha256: string | null }> {
  let { url, sha256 } = options;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const response = await request(url, options);
    sha256 ??= sha256Pattern.exec(response.headers.get('x-linked-etag') ?? '')?.[1] ?? null;
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return { response, sha256 };
    await response.body?.cancel();
    url = new URL(location, url).href;
  }
  throw new Error(`more than ${maxRedirects} redirects`);
}

function counter(options: DownloadOptions, total: number | null, touch: () => void) {
  const hash = createHash('sha256');
  let done = 0;
  const stream = new Transform({
    transform(bytes: Buffer, _encoding, callback) {
      touch();
      hash.update(bytes);
      done += bytes.length;
      options.onBytes(done, total);
      callback(null, bytes);
    },
  });
  return { stream, bytes: () => done, digest: () => hash.digest('hex') };
}

/** Downloads, or throws an Error whose message is one short line. The partial file is left to the caller. */
export async function download(options: DownloadOptions): Promise<void> {
  const { response, sha256 } = await follow(options);
  if (response.status !== 200 || response.body === null)
    throw new Error(`status ${response.status} for ${options.url}`);
  const length = response.headers.get('content-length');
  const total = length === null ? null : Number(length);
  const idle = deadline(options.idleMs, `no data for ${options.idleMs} ms`);
  const counted = counter(options, total, idle.touch);
  try {
    const body = Readable.fromWeb(response.body as ReadableStream);
    const signal = AbortSignal.any([idle.signal, options.signal]);
    await pipeline(body, counted.stream, createWriteStream(options.path, { flags: 'wx', flush: true }), {
      signal,
    });
  } catch (error) {
    throw reason(error);
  } finally {
    idle.end();
  }
  if (total !== null && counted.bytes() !== total)
    throw new Error(`got ${counted.bytes()} of ${total} bytes`);
  if (sha256 !== null && counted.digest() !== sha256)
    throw new Error(`the SHA-256 of ${options.url} is wrong`);
}
