/** A GGUF file. Its metadata is parsed by @huggingface/gguf; what it claims is checked before it is used. */
import { gguf } from '@huggingface/gguf';
import { MillraceError } from '../errors.ts';
import { ByteSource } from './byte-source.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import { blockFormats } from './dequantize.ts';
import { ggufConfig } from './gguf-config.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { huggingFaceName } from './gguf-names.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';

interface StoredTensor extends TensorInfo {
  readonly offset: number;
  readonly type: number;
}

const magic = 0x46554747;
/** Bounds on counts that a header may claim; the largest models have some thousand tensors. */
const maxTensors = 100_000;
const maxMetadata = 10_000;
const parseTimeoutMs = 30_000;

export async function openGguf(path: string): Promise<Checkpoint> {
  const source = await ByteSource.open(path);
  try {
    await checkHead(source);
    const parsed = await parse(path, source);
    const metadata = parsed.metadata as unknown as GgufMetadata;
    const tensors = collectTensors(parsed.tensorInfos, Number(parsed.tensorDataOffset), source);
    const divisors = await readDivisors(tensors, source);
    const config = ggufConfig(metadata, tensors, divisors, (reason) => source.refuse(reason));
    const tokenizer = ggufTokenizer(metadata, (reason) => source.refuse(reason));
    // Llama-architecture files keep q and k rows in the order of interleaved rotary pairs.
    const interleaved =
      metadata['general.architecture'] === 'llama' && config.kind === 'decoder' ? config : null;
    return {
      format: 'gguf',
      path,
      config,
      tokenizer,
      tensors,
      async read(name) {
        const tensor = tensors.get(name) ?? source.refuse(`tensor "${name}" is missing.`);
        const values = blockFormats.get(tensor.type)!.decode(await source.read(tensor.offset, tensor.bytes));
        if (interleaved === null) return values;
        if (name.includes('q_proj.')) return splitPairs(values, interleaved.numHeads, tensor.shape[1] ?? 1);
        if (name.includes('k_proj.')) return splitPairs(values, interleaved.numKvHeads, tensor.shape[1] ?? 1);
        return values;
      },
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function checkHead(source: ByteSource): Promise<void> {
  const head = new DataView((await source.read(0, 24)).buffer);
  if (head.getUint32(0, true) !== magic) source.refuse('it does not start with "GGUF".');
  const [numTensors, numMetadata] = [head.getBigUint64(8, true), head.getBigUint64(16, true)];
  if (numTensors > maxTensors)
    source.refuse(`it claims ${numTensors} tensors, at most ${maxTensors} are read.`);
  if (numMetadata > maxMetadata)
    source.refuse(`it claims ${numMetadata} metadata entries, at most ${maxMetadata} are read.`);
}

async function parse(path: string, source: ByteSource) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${parseTimeoutMs} ms`)), parseTimeoutMs);
  });
  try {
    return await Promise.race([gguf(path, { allowLocalFile: true }), late]);
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    return source.refuse(
      `its header cannot be read (${cause instanceof Error ? cause.message : String(cause)}).`,
    );
  } finally {
    clearTimeout(timer);
  }
}

type RawTensor = { name: string; shape: bigint[]; dtype: number; offset: bigint };

function collectTensors(
  infos: readonly RawTensor[],
  dataStart: number,
  source: ByteSource,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape: dims, dtype, offset } of infos) {
    const format = blockFormats.get(dtype);
    if (format === undefined) {
      const names = [...blockFormats.values()].map((known) => known.name).join(', ');
      source.refuse(`tensor "${name}" has GGML type ${dtype}; supported are ${names}.`);
    }
    const shape = dims.map(Number).reverse();
    const count = shape.reduce((product, size) => product * size, 1);
    const isWhole = Number.isSafeInteger(count) && count > 0 && (shape.at(-1) ?? 0) % format.size === 0;
    if (!isWhole) source.refuse(`tensor "${name}" has the shape [${shape.join(', ')}].`);
    const bytes = (count / format.size) * format.bytes;
    const start = dataStart + Number(offset);
    if (start + bytes > source.size) {
      source.refuse(`tensor "${name}" reaches to byte ${start + bytes}, but the file has ${source.size}.`);
    }
    tensors.set(huggingFaceName(name), { shape, dtype: format.name, bytes, offset: start, type: dtype });
  }
  return tensors;
}

const ropeDivisors = 'rope_freqs.weight';
const maxDivisors = 1024;

/** Llama 3.1's scaling of rotary frequencies, one divisor each. */
async function readDivisors(
  tensors: ReadonlyMap<string, StoredTensor>,
  source: ByteSource,
): Promise<readonly number[] | null> {
  const tensor = tensors.get(ropeDivisors);
  if (tensor === undefined) return null;
  if (tensor.dtype !== 'F32' || tensor.bytes > 4 * maxDivisors)
    source.refuse(`${ropeDivisors} is ${tensor.dtype} [${tensor.shape.join(', ')}].`);
  return [...blockFormats.get(tensor.type)!.decode(await source.read(tensor.offset, tensor.bytes))];
}

/** Rows of each head from pairs (0, 1), (2, 3), … to halves: first all even rows, then all odd ones. */
function splitPairs(values: Float32Array, numHeads: number, rowSize: number): Float32Array {
  const out = new Float32Array(values.length);
  const headRows = values.length / rowSize / numHeads;
  for (let row = 0; row < values.length / rowSize; row++) {
    const [head, inHead] = [Math.floor(row / headRows), row % headRows];
    const target = head * headRows + (inHead >> 1) + (inHead & 1) * (headRows / 2);
    out.set(values.subarray(row * rowSize, (row + 1) * rowSize), target * rowSize);
  }
  return out;
}
