/** Where a follower reads versions' files from, over a connection that may break at any byte. */
import type { VersionRef } from './version-ref.ts';

export interface VersionFiles {
  /** As a message names it, without secrets: "http://10.0.0.7:8090". */
  readonly shown: string;
  /** The text of its manifest; null when the version is not there. Throws when that cannot be known. */
  manifest(ref: VersionRef, signal: AbortSignal): Promise<string | null>;
  /** A file's bytes from `offset` on, which is less than its size. Throws when it is not there, or another one. */
  read(
    ref: VersionRef,
    file: { readonly path: string; readonly sha256: string },
    offset: number,
    signal: AbortSignal,
  ): Promise<FileBytes>;
}

export interface FileBytes {
  /** Where they begin: `offset`, or 0 from a source that gives the whole file only. */
  readonly from: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A manifest is a page or two. */
export const maxManifestBytes = 2 ** 20;

/** Throws when the source sends more than a manifest can be. */
export async function manifestText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxManifestBytes) throw new Error('the manifest is too large');
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * What a connection's failure is told as: without a code, so that it is not taken for the disk's. A failed fetch hides its
 * reason in `cause`.
 */
export function connectionFailure(error: unknown): Error {
  const { cause } = error as Error;
  const { message } = cause instanceof Error && cause.message !== '' ? cause : (error as Error);
  return new Error(message, { cause: error });
}

/** A body as chunks; what breaks it is told as the connection's failure. */
export async function* chunksOf(body: AsyncIterable<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  try {
    yield* body;
  } catch (error) {
    throw connectionFailure(error);
  }
}

/** "bytes 100-199/200" → 100; null for what is none. */
export function rangeStart(header: string | null): number | null {
  const start = /^bytes (\d{1,15})-\d{1,15}\/(?:\d{1,15}|\*)$/.exec(header ?? '')?.[1];
  return start === undefined ? null : Number(start);
}
