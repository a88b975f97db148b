/**
 * Whether a model file holds only what Millrace's own emitters write, before the runtime reads it: known operators,
 * no functions, subgraphs or sparse tensors, and weights that lie whole inside the file that the manifest names.
 * Field numbers: onnx.proto3 of ONNX 1.17.
 */
import { dataTypeBytes, dataTypes, opDomains, opsets } from './ops.ts';
import { type Field, readFields, unpackVarints } from './protobuf-reader.ts';

export interface ModelSurroundings {
  /** Sizes in bytes of the files beside the model that it may take weights from, by plain name. */
  readonly dataFiles: ReadonlyMap<string, number>;
}

const model = { graph: 7, opsetImport: 8, trainingInfo: 20, functions: 25 } as const;
const graph = { node: 1, initializer: 5, sparseInitializer: 15 } as const;
const node = { opType: 4, attribute: 5, domain: 7, overload: 8 } as const;
const attribute = { name: 1, type: 20 } as const;
const tensor = { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 } as const;
const dataLocations = { inline: 0, external: 1 } as const;
const entry = { key: 1, value: 2 } as const;
/** FLOAT, INT, STRING, FLOATS, INTS, STRINGS: attributes that are plain values. */
const plainAttributes = new Set<number>([1, 2, 3, 6, 7, 8]);
const maxNodes = 1_000_000;

const typeNames: ReadonlyMap<number, keyof typeof dataTypes> = new Map(
  Object.entries(dataTypes).map(([name, number]) => [number, name as keyof typeof dataTypes]),
);

/** Throws an Error that says what must not be there. */
export function checkModel(bytes: Uint8Array, surroundings: ModelSurroundings): void {
  let hasGraph = false;
  for (const field of readFields(bytes)) {
    if (field.number === model.functions) throw new Error('it defines functions');
    if (field.number === model.trainingInfo) throw new Error('it holds training information');
    if (field.number === model.opsetImport) checkOpset(bytesOf(field));
    if (field.number !== model.graph) continue;
    if (hasGraph) throw new Error('it holds two graphs');
    hasGraph = true;
    checkGraph(bytesOf(field), surroundings);
  }
  if (!hasGraph) throw new Error('it holds no graph');
}

function checkOpset(bytes: Uint8Array): void {
  const domain = textOf(bytes, 1);
  if (!Object.hasOwn(opsets, domain)) throw new Error(`it uses the operator domain "${printable(domain)}"`);
}

function checkGraph(bytes: Uint8Array, surroundings: ModelSurroundings): void {
  let numNodes = 0;
  for (const field of readFields(bytes)) {
    if (field.number === graph.sparseInitializer) throw new Error('it holds a sparse tensor');
    if (field.number === graph.initializer) checkTensor(bytesOf(field), surroundings);
    if (field.number !== graph.node) continue;
    if (++numNodes > maxNodes) throw new Error(`it has more than ${maxNodes} operators`);
    checkNode(bytesOf(field));
  }
}

function checkNode(bytes: Uint8Array): void {
  const op = textOf(bytes, node.opType);
  const domain = textOf(bytes, node.domain);
  if (!Object.hasOwn(opDomains, op) || opDomains[op as keyof typeof opDomains] !== domain) {
    throw new Error(
      `it uses the operator "${printable(domain === '' ? op : `${domain}.${op}`)}", which is not one of ours`,
    );
  }
  for (const field of readFields(bytes)) {
    if (field.number === node.overload) throw new Error(`its operator "${op}" is an overload`);
    if (field.number !== node.attribute) continue;
    const type = numberOf(bytesOf(field), attribute.type) ?? 0;
    if (plainAttributes.has(type)) continue;
    throw new Error(
      `the attribute "${printable(textOf(bytesOf(field), attribute.name))}" of "${op}" is no plain value`,
    );
  }
}

function checkTensor(bytes: Uint8Array, { dataFiles }: ModelSurroundings): void {
  const name = printable(textOf(bytes, tensor.name));
  const type = typeNames.get(numberOf(bytes, tensor.dataType) ?? 0);
  if (type === undefined) throw new Error(`its tensor "${name}" has a type that is not one of ours`);
  const size = dimsOf(bytes).reduce((product, dim) => product * dim, BigInt(dataTypeBytes[type]));
  const place = numberOf(bytes, tensor.dataLocation) ?? dataLocations.inline;
  if (place !== dataLocations.inline && place !== dataLocations.external)
    throw new Error(`its tensor "${name}" lies in an unknown kind of place, ${place}`);
  if (place === dataLocations.inline) {
    const raw = lastBytes(bytes, tensor.rawData)?.length ?? 0;
    if (BigInt(raw) !== size)
      throw new Error(`its tensor "${name}" has ${raw} bytes, its shape says ${size}`);
    return;
  }
  const places = placesOf(bytes);
  const location = places.get('location') ?? '';
  const fileSize = dataFiles.get(location);
  if (fileSize === undefined)
    throw new Error(`its tensor "${name}" lies in "${printable(location)}", which is not in the manifest`);
  const [offset, length] = [
    wholeNumber(places.get('offset') ?? '0'),
    wholeNumber(places.get('length') ?? ''),
  ];
  if (length !== size) throw new Error(`its tensor "${name}" has ${length} bytes, its shape says ${size}`);
  if (offset + length > BigInt(fileSize))
    throw new Error(
      `its tensor "${name}" reaches to byte ${offset + length} of "${location}", which has ${fileSize}`,
    );
}

function dimsOf(bytes: Uint8Array): bigint[] {
  return [...readFields(bytes)].flatMap((field) => {
    if (field.number !== tensor.dims) return [];
    return field.kind === 'varint' ? [field.value] : unpackVarints(bytesOf(field));
  });
}

function placesOf(bytes: Uint8Array): Map<string, string> {
  const places = new Map<string, string>();
  for (const field of readFields(bytes)) {
    if (field.number !== tensor.externalData) continue;
    const key = textOf(bytesOf(field), entry.key);
    if (places.has(key)) throw new Error(`a tensor names its "${printable(key)}" twice`);
    places.set(key, textOf(bytesOf(field), entry.value));
  }
  return places;
}

function wholeNumber(text: string): bigint {
  if (!/^\d{1,18}$/.test(text))
    throw new Error(`a tensor's place is "${printable(text)}", which is no number`);
  return BigInt(text);
}

function bytesOf(field: Field): Uint8Array {
  if (field.kind === 'bytes') return field.value;
  throw new Error(`its field ${field.number} is of another kind than it should be`);
}

/** As protobuf has it, the last of several counts. */
function lastBytes(bytes: Uint8Array, number: number): Uint8Array | undefined {
  let last: Uint8Array | undefined;
  for (const field of readFields(bytes)) if (field.number === number) last = bytesOf(field);
  return last;
}

function textOf(bytes: Uint8Array, number: number): string {
  return new TextDecoder().decode(lastBytes(bytes, number));
}

function numberOf(bytes: Uint8Array, number: number): number | undefined {
  let last: number | undefined;
  for (const field of readFields(bytes)) {
    if (field.number === number && field.kind === 'varint') last = Number(field.value);
  }
  return last;
}

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
