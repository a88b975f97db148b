/** A bucket of S3, or of what speaks its protocol: signed requests for one object each. */
import { createReadStream } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { AwsClient } from 'aws4fetch';
import { connectionFailure } from './version-files.ts';

export interface S3Options {
  /** "https://s3.eu-central-1.amazonaws.com"; the bucket becomes part of the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** In front of every name, "models/"; may be empty. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3Upload {
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex: S3 refuses what comes as something else. */
  readonly sha256: string;
}

/** What one PUT may carry. */
const maxObjectBytes = 5 * 2 ** 30;
const noProblem = 299;
const maxErrorCharacters = 300;

export class S3Bucket {
  private readonly options: S3Options;
  private readonly signer: AwsClient;

  constructor(options: S3Options) {
    this.options = options;
    const { accessKeyId, secretAccessKey, region } = options;
    this.signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  }

  get shown(): string {
    const { endpoint, bucket, prefix } = this.options;
    return `${endpoint}/${bucket}/${prefix}`.replace(/\/+$/, '');
  }

  /** Throws what a connection's failure says. */
  async get(name: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    try {
      const signed = await this.signer.sign(this.urlOf(name), { method: 'GET', headers });
      return await fetch(signed, { redirect: 'error', signal });
    } catch (error) {
      throw new Error(`${this.shown}: ${connectionFailure(error).message}`, { cause: error });
    }
  }

  /** The size of an object; null when there is none. */
  async sizeOf(name: string, signal: AbortSignal): Promise<number | null> {
    try {
      const signed = await this.signer.sign(this.urlOf(name), { method: 'HEAD' });
      const response = await fetch(signed, { redirect: 'error', signal });
      if (response.status === 404) return null;
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      return Number(response.headers.get('content-length'));
    } catch (error) {
      throw new Error(`${this.shown}: ${connectionFailure(error).message}`, { cause: error });
    }
  }

  /** A file becomes an object. Throws when it is not the file that it is said to be. */
  async put(name: string, file: S3Upload, signal: AbortSignal): Promise<void> {
    if (file.bytes > maxObjectBytes)
      throw new Error(`${name} has ${file.bytes} bytes; S3 takes ${maxObjectBytes} at once`);
    const signed = await this.signer.sign(this.urlOf(name), {
      method: 'PUT',
      headers: { 'x-amz-content-sha256': file.sha256 },
    });
    const url = new URL(signed.url);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    // fetch would send a stream in chunks of unknown number, which S3 does not take.
    const headers = { ...Object.fromEntries(signed.headers), 'content-length': String(file.bytes) };
    const sent = request(url, { method: 'PUT', headers, signal });
    const answered = answerOf(sent);
    answered.catch(() => null);
    await pipeline(createReadStream(file.path), sent, { signal }).catch((error: unknown) =>
      // An answer that refuses it says more than the connection that it closed.
      Promise.race([answered.then(() => null), rejected(error)]),
    );
    const { status, text } = await answered;
    if (status > noProblem) throw new Error(`${this.shown}: status ${status} for ${name}: ${text}`);
  }

  private urlOf(name: string): string {
    const { endpoint, bucket, prefix } = this.options;
    // Signer and server must read the same out of it: nothing is left for either to encode.
    const path = `${bucket}/${prefix}${name}`.split('/').map(encodeURIComponent).join('/');
    return `${endpoint.replace(/\/+$/, '')}/${path}`;
  }
}

const answerGraceMs = 1_000;

const rejected = (error: unknown): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(connectionFailure(error)), answerGraceMs));

function answerOf(request: ClientRequest): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request.once('error', (error) => reject(connectionFailure(error)));
    request.once('response', (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text = (text + part).slice(0, maxErrorCharacters);
      });
      response.once('error', (error) => reject(connectionFailure(error)));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
}
