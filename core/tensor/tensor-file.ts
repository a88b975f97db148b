/** Whole safetensors files in memory, for adapters and checkpoints of training: small, written and read at once. */
import { decodeBfloat, decodeHalf } from './half.ts';
import { maxHeaderBytes, parseHeader } from './safetensors.ts';

export interface StoredTensor {
  readonly dims: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** fp32, in the order of the map; equal contents give equal bytes. */
export function encodeTensorFile({ tensors, metadata }: TensorFile): Uint8Array {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { dims, data }] of tensors) {
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [end, (end += data.byteLength)] };
  }
  const text = JSON.stringify(header);
  // The header ends where its length is a multiple of 8, so that the numbers behind it are aligned.
  const head = new TextEncoder().encode(text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8));
  const bytes = new Uint8Array(8 + head.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Reads F32, F16 and BF16. fp32 data is not copied where it is aligned. `refuse` throws with the file's name. */
export function decodeTensorFile(bytes: Uint8Array, refuse: (reason: string) => never): TensorFile {
  if (bytes.length < 8) refuse('it is too short to be a safetensors file.');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(maxHeaderBytes, bytes.length - 8))) {
    refuse(`its header claims ${length} bytes, the file has ${bytes.length}.`);
  }
  const header = bytes.subarray(8, 8 + Number(length));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of parseHeader(header, bytes.length, refuse)) {
    const part = bytes.subarray(entry.offset, entry.offset + entry.bytes);
    tensors.set(name, {
      dims: entry.shape,
      data: decode(entry.dtype, part) ?? unknownType(name, entry.dtype, refuse),
    });
  }
  return { tensors, metadata: metadataOf(header) };
}

function unknownType(name: string, dtype: string, refuse: (reason: string) => never): never {
  return refuse(`tensor "${name}" has type ${dtype}; supported are F32, F16, BF16.`);
}

function decode(dtype: string, part: Uint8Array): Float32Array | null {
  if (dtype === 'F16') return decodeHalf(part);
  if (dtype === 'BF16') return decodeBfloat(part);
  if (dtype !== 'F32') return null;
  // A Buffer's own slice would not copy.
  const aligned = part.byteOffset % 4 === 0 ? part : new Uint8Array(part);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function metadataOf(header: Uint8Array): Record<string, string> {
  const { __metadata__: metadata } = JSON.parse(new TextDecoder().decode(header)) as Record<string, unknown>;
  if (typeof metadata !== 'object' || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === 'string'));
}
