/**
 * The safetensors container: an 8-byte header length, a JSON header, then tensor bytes without gaps.
 * Specification: huggingface/safetensors, README, "Format". All sizes are checked before anything is read.
 */
import { parseObject } from './json-object.ts';

export interface SafetensorsEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export const maxHeaderBytes = 100_000_000;
const dtypeBytes: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Where each tensor lies. `refuse` throws with the file's name. */
export function parseHeader(
  header: Uint8Array,
  fileBytes: number,
  refuse: (reason: string) => never,
): Map<string, SafetensorsEntry> {
  const parsed = parseObject(header, refuse);
  const dataStart = 8 + header.length;
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') continue;
    entries.set(name, parseEntry(name, value, dataStart, refuse));
  }
  checkLayout([...entries.values()], dataStart, fileBytes, refuse);
  return entries;
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  refuse: (reason: string) => never,
): SafetensorsEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length <= 8 && list.every((item) => Number.isSafeInteger(item) && item >= 0);
  if (typeof dtype !== 'string' || !isList(shape) || !isList(offsets) || offsets.length !== 2) {
    refuse(`the header entry of tensor "${name}" is malformed.`);
  }
  const width = dtypeBytes[dtype];
  if (width === undefined) refuse(`tensor "${name}" has the unknown type ${dtype}.`);
  const bytes = shape.reduce((product, size) => product * size, width);
  const [start, end] = offsets as [number, number];
  if (end - start !== bytes) {
    refuse(`tensor "${name}" claims ${end - start} bytes, but its shape and type make ${bytes}.`);
  }
  return { dtype, shape, offset: dataStart + start, bytes };
}

function checkLayout(
  entries: SafetensorsEntry[],
  dataStart: number,
  fileBytes: number,
  refuse: (reason: string) => never,
): void {
  let end = dataStart;
  for (const entry of entries.sort((a, b) => a.offset - b.offset)) {
    if (entry.offset < end) refuse('tensors overlap.');
    end = entry.offset + entry.bytes;
  }
  if (end > fileBytes) refuse(`tensors reach to byte ${end}, but the file has ${fileBytes}.`);
}
