/**
 * Gives versions' files to other replicas: GET and HEAD of what a manifest lists, with ranges, to whoever has the token.
 * No path reaches the disk that is not made of an id and a name out of the manifest. Knows nothing of serving.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MillraceError } from '../../core/errors.ts';
import { manifestFile } from '../../core/registry/manifest.ts';
import { type ByteRange, byteRange } from './byte-range.ts';
import { locate, type VersionFolders } from './version-folders.ts';
import { parsePath } from './version-ref.ts';

export interface VersionServerOptions {
  readonly folders: VersionFolders;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Whoever asks has to send it, "Authorization: Bearer <token>". Not empty. */
  readonly token: string;
  readonly maxConnections: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly idleMs: number;
  readonly onProblem: (message: string) => void;
}

export interface VersionServer {
  readonly port: number;
  /** Cuts off what is being sent. */
  close(): Promise<void>;
}

const headersTimeoutMs = 5_000;
const keepAliveMs = 10_000;

/** Throws invalid_argument when the address cannot be had. */
export async function openVersionServer(options: VersionServerOptions): Promise<VersionServer> {
  if (options.token === '') throw new RangeError('without a token, nobody is let in');
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveMs },
    (request, response) => void answer(options, request, response),
  );
  server.maxConnections = options.maxConnections;
  server.setTimeout(options.idleMs, (socket) => socket.destroy());
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, { host, port }: VersionServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `Versions cannot be given to other replicas on ${host}:${port} (${cause.code}).`;
      reject(new MillraceError('invalid_argument', { message }, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

/** Never throws. */
async function answer(
  options: VersionServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    // Nobody sends a body here; one that comes is not waited for.
    request.resume();
    if (!isAllowed(options, request)) return refuse(response, 401);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
    const path = parsePath(request.url ?? '');
    if (path === null) return refuse(response, 404);
    const found = await locate(options.folders, path.ref);
    const file = path.file === manifestFile ? null : listed(found.manifest.files, path.file);
    if (file === undefined) return refuse(response, 404);
    await send(join(found.folder, path.file), file, request, response);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else if (isMissing(error)) refuse(response, 404);
    else {
      options.onProblem(`a version's file cannot be given away: ${(error as Error).message}`);
      refuse(response, 500);
    }
  }
}

function isAllowed({ token }: VersionServerOptions, { headers }: IncomingMessage): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`));
}

const listed = <T extends { readonly path: string }>(files: readonly T[], name: string): T | undefined =>
  files.find(({ path }) => path === name);

const isMissing = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'version_not_found';

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0, ...(status === 405 ? { allow: 'GET, HEAD' } : {}) });
  response.end();
}

/** `entry` is the manifest's; null for the manifest itself, which has none. */
async function send(
  path: string,
  entry: { readonly bytes: number; readonly sha256: string } | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const found = await file.stat();
    if (!found.isFile() || (entry !== null && found.size !== entry.bytes))
      throw new Error('a file is not what its manifest says');
    const etag = `"${entry?.sha256 ?? (await digestOf(file))}"`;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end();
      return;
    }
    const range = rangeOf(request, etag, found.size);
    const head = headOf(range, etag, found.size);
    response.writeHead(head.status, head.headers);
    if (request.method === 'HEAD' || range === 'unsatisfiable') response.end();
    else await pipeline(file.createReadStream({ ...range, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

async function digestOf(file: FileHandle): Promise<string> {
  const bytes = Buffer.alloc((await file.stat()).size);
  await file.read(bytes, 0, bytes.length, 0);
  return createHash('sha256').update(bytes).digest('hex');
}

function rangeOf(
  { headers }: IncomingMessage,
  etag: string,
  size: number,
): ByteRange | 'unsatisfiable' | null {
  const condition = headers['if-range'];
  return condition !== undefined && condition !== etag ? null : byteRange(headers.range, size);
}

function headOf(range: ByteRange | 'unsatisfiable' | null, etag: string, size: number) {
  const headers = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
  if (range === 'unsatisfiable')
    return { status: 416, headers: { 'content-range': `bytes */${size}`, 'content-length': 0 } };
  if (range === null) return { status: 200, headers: { ...headers, 'content-length': size } };
  const { start, end } = range;
  const part = { 'content-range': `bytes ${start}-${end}/${size}`, 'content-length': end - start + 1 };
  return { status: 206, headers: { ...headers, ...part } };
}
