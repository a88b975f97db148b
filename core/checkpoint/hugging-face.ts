/** A Hugging Face directory: config.json, (sharded) safetensors, tokenizer files. No link out of it is followed. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { decodeBfloat, decodeFloat, decodeHalf } from '../tensor/half.ts';
import { parseObject } from '../tensor/json-object.ts';
import { maxHeaderBytes, parseHeader, type SafetensorsEntry } from '../tensor/safetensors.ts';
import { ByteSource } from './byte-source.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import { parseConfig } from './hugging-face-config.ts';

const maxJsonBytes = 100_000_000;
const maxShards = 1000;
const decoders = new Map([
  ['F32', decodeFloat],
  ['F16', decodeHalf],
  ['BF16', decodeBfloat],
]);

type Json = Record<string, unknown>;
interface StoredTensor extends SafetensorsEntry {
  readonly source: ByteSource;
}

export async function openHuggingFace(path: string): Promise<Checkpoint> {
  const refuse = (reason: string): never => {
    throw new MillraceError('checkpoint_invalid', { path, reason });
  };
  const generation = (await readJson(path, 'generation_config.json')) ?? {};
  const configJson = (await readJson(path, 'config.json')) ?? refuse('config.json is missing.');
  const pooling = await readPooling(path);
  const config = parseConfig(configJson, { generation, pooling }, refuse);
  const tokenizer = {
    tokenizerJson: (await readJson(path, 'tokenizer.json')) ?? refuse('tokenizer.json is missing.'),
    tokenizerConfig: await readTokenizerConfig(path),
  };
  const { stored, sources } = await openShards(path, refuse);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, { shape, dtype, bytes }] of stored) tensors.set(name, { shape, dtype, bytes });
  return {
    format: 'hugging-face',
    path,
    config,
    tokenizer,
    tensors,
    async read(name) {
      const tensor = stored.get(name) ?? refuse(`tensor "${name}" is missing.`);
      const decode = decoders.get(tensor.dtype);
      // Buffers of indices lie among the weights of some checkpoints; nobody reads them.
      if (decode === undefined) {
        const supported = [...decoders.keys()].join(', ');
        return refuse(`tensor "${name}" has type ${tensor.dtype}; supported are ${supported}.`);
      }
      return decode(await tensor.source.read(tensor.offset, tensor.bytes));
    },
    async close() {
      for (const source of sources) await source.close();
    },
  };
}

/** A plain file of the directory: not a link, not a path that leaves it. */
async function openInside(folder: string, name: string): Promise<ByteSource | null> {
  const path = join(folder, name);
  const refuse = (reason: string): never => {
    throw new MillraceError('checkpoint_invalid', { path, reason });
  };
  if (name.includes('/') || name.includes('\\') || name.startsWith('.'))
    refuse('its name leaves the directory.');
  const stat = await lstat(path).catch(() => null);
  if (stat === null) return null;
  if (!stat.isFile()) refuse('it is not a regular file.');
  return ByteSource.open(path);
}

async function readJson(folder: string, name: string): Promise<Json | null> {
  const source = await openInside(folder, name);
  if (source === null) return null;
  try {
    if (source.size > maxJsonBytes)
      source.refuse(`it has ${source.size} bytes, at most ${maxJsonBytes} are read.`);
    return parseObject(await source.read(0, source.size), (reason) => source.refuse(reason));
  } finally {
    await source.close();
  }
}

/** Of sentence-transformers' folders, the one that says how an encoder's tokens become one vector. */
async function readPooling(path: string): Promise<Json> {
  const folder = join(path, '1_Pooling');
  const stat = await lstat(folder).catch(() => null);
  return (stat?.isDirectory() ? await readJson(folder, 'config.json') : null) ?? {};
}

async function readTokenizerConfig(folder: string): Promise<Json> {
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {};
  const template = await openInside(folder, 'chat_template.jinja');
  if (template === null) return config;
  try {
    const bytes = await template.read(0, Math.min(template.size, maxJsonBytes));
    return { ...config, chat_template: new TextDecoder().decode(bytes) };
  } finally {
    await template.close();
  }
}

async function openShards(folder: string, refuse: (reason: string) => never) {
  const index = await readJson(folder, 'model.safetensors.index.json');
  const map = (index?.weight_map ?? {}) as Record<string, unknown>;
  const names = index === null ? ['model.safetensors'] : [...new Set(Object.values(map).map(String))];
  if (names.length > maxShards)
    refuse(`the index names ${names.length} files, at most ${maxShards} are opened.`);
  const stored = new Map<string, StoredTensor>();
  const sources: ByteSource[] = [];
  try {
    for (const name of names) {
      const source = (await openInside(folder, name)) ?? refuse(`${name} is missing.`);
      sources.push(source);
      for (const [tensor, entry] of await readHeader(source))
        stored.set(plainName(tensor), { ...entry, source });
    }
  } catch (error) {
    for (const source of sources) await source.close();
    throw error;
  }
  return { stored, sources };
}

/** Encoders are saved with or without the name of their task's wrapper. */
function plainName(name: string): string {
  return name.startsWith('bert.') ? name.slice(5) : name;
}

async function readHeader(source: ByteSource): Promise<Map<string, SafetensorsEntry>> {
  const length = Number(new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true));
  if (length > maxHeaderBytes)
    source.refuse(`its header claims ${length} bytes, at most ${maxHeaderBytes} are read.`);
  return parseHeader(await source.read(8, length), source.size, (reason) => source.refuse(reason));
}
