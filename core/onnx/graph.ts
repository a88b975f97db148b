/**
 * An ONNX graph under construction: nodes, inputs, outputs, small constants inline, weights by reference.
 * Values are named by strings; `node` makes up the name of a result, so that emitters read as expressions.
 */
import { type DataType, dataTypeBytes, dataTypes, type Op, opDomains, opsets } from './ops.ts';
import { ProtobufWriter } from './protobuf.ts';

/** Name of a value in the graph. '' stands for an optional input that is left out. */
export type Value = string;

/** A named size such as 'T', or a fixed one. */
export type Dim = number | string;

export type Attribute =
  | number
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string };

export type Attributes = Readonly<Record<string, Attribute>>;

export interface GraphNode {
  readonly op: Op;
  readonly inputs: readonly Value[];
  /** '' stands for a result that is left out. */
  readonly results: readonly Value[];
  readonly attributes: Attributes;
}

/** What is known of a value that no node makes. */
export interface Declared {
  readonly type: DataType;
  readonly dims: readonly Dim[];
  /** Of a small constant. */
  readonly values: readonly number[] | null;
}

/** A weight that lies in the external data file. */
export interface ExternalTensor {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
}

const irVersion = 10;

export class GraphBuilder {
  /** In the order of their computation. */
  readonly nodes: GraphNode[] = [];
  /** Inputs, constants and weights, by name. */
  readonly declared = new Map<Value, Declared>();
  private readonly inputs: ProtobufWriter[] = [];
  private readonly outputs: ProtobufWriter[] = [];
  private readonly initializers = new Map<string, ProtobufWriter>();
  private readonly dataFile: string;
  private numValues = 0;

  /** `dataFile` is the plain name of the external data file beside the model. */
  constructor(dataFile: string) {
    this.dataFile = dataFile;
  }

  input(name: string, type: DataType, dims: readonly Dim[]): Value {
    this.inputs.push(valueInfo(name, tensorType(type, dims)));
    this.declared.set(name, { type, dims, values: null });
    return name;
  }

  output(name: string, type: DataType, dims: readonly Dim[]): void {
    this.outputs.push(valueInfo(name, tensorType(type, dims)));
  }

  /** An output that is an (always empty) sequence of fp32 tensors. */
  sequenceOutput(name: string): void {
    const sequence = new ProtobufWriter().message(1, tensorType('float32', []));
    this.outputs.push(valueInfo(name, new ProtobufWriter().message(4, sequence)));
  }

  /** Adds a node with one result. */
  node(op: Op, inputs: readonly Value[], attributes: Attributes = {}): Value {
    const result = `${op}_${this.numValues++}`;
    this.nodeInto([result], op, inputs, attributes);
    return result;
  }

  /** Adds a node whose results have given names; '' leaves an optional result out. */
  nodeInto(results: readonly Value[], op: Op, inputs: readonly Value[], attributes: Attributes = {}): void {
    this.nodes.push({ op, inputs, results, attributes });
  }

  /** A fresh name for results of `nodeInto`. */
  name(hint: string): Value {
    return `${hint}_${this.numValues++}`;
  }

  /** A small constant, stored in the model file itself; equal constants are stored once. */
  constant(type: DataType, dims: readonly number[], values: readonly number[]): Value {
    const name = `const_${type}_${dims.join('x')}_${values.join('_')}`;
    if (!this.initializers.has(name)) {
      this.initializers.set(name, tensorHead(name, type, dims).bytes(9, rawBytes(type, values)));
      this.declared.set(name, { type, dims, values });
    }
    return name;
  }

  /** A weight in the external data file. */
  external(tensor: ExternalTensor): Value {
    if (!this.initializers.has(tensor.name)) {
      const proto = tensorHead(tensor.name, tensor.type, tensor.dims);
      proto.message(13, entry('location', this.dataFile));
      proto.message(13, entry('offset', String(tensor.offset)));
      proto.message(13, entry('length', String(tensor.length)));
      this.initializers.set(tensor.name, proto.varint(14, 1));
      this.declared.set(tensor.name, { type: tensor.type, dims: tensor.dims, values: null });
    }
    return tensor.name;
  }

  /** The serialized ModelProto. */
  finish(graphName: string): Uint8Array {
    const graph = new ProtobufWriter();
    this.nodes.forEach((node, index) => {
      graph.message(1, nodeProto(node, index));
    });
    graph.string(2, graphName);
    for (const initializer of this.initializers.values()) graph.message(5, initializer);
    for (const input of this.inputs) graph.message(11, input);
    for (const output of this.outputs) graph.message(12, output);
    const model = new ProtobufWriter().varint(1, irVersion).string(2, 'millrace').message(7, graph);
    for (const [domain, version] of Object.entries(opsets)) {
      model.message(8, new ProtobufWriter().string(1, domain).varint(2, version));
    }
    return model.finish();
  }
}

function nodeProto({ op, inputs, results, attributes }: GraphNode, index: number): ProtobufWriter {
  const proto = new ProtobufWriter();
  for (const name of inputs) proto.string(1, name);
  for (const name of results) proto.string(2, name);
  proto.string(3, `${op}_node_${index}`).string(4, op);
  for (const [name, value] of Object.entries(attributes)) proto.message(5, attribute(name, value));
  return proto.string(7, opDomains[op]);
}

function attribute(name: string, value: Attribute): ProtobufWriter {
  const proto = new ProtobufWriter().string(1, name);
  if (typeof value === 'number') return proto.varint(3, value).varint(20, 2);
  if ('float' in value) return proto.float(2, value.float).varint(20, 1);
  if ('text' in value) return proto.string(4, value.text).varint(20, 3);
  for (const item of value.ints) proto.varint(8, item);
  return proto.varint(20, 7);
}

function tensorHead(name: string, type: DataType, dims: readonly number[]): ProtobufWriter {
  return new ProtobufWriter().packedVarints(1, dims).varint(2, dataTypes[type]).string(8, name);
}

function entry(key: string, value: string): ProtobufWriter {
  return new ProtobufWriter().string(1, key).string(2, value);
}

function valueInfo(name: string, type: ProtobufWriter): ProtobufWriter {
  return new ProtobufWriter().string(1, name).message(2, type);
}

function tensorType(type: DataType, dims: readonly Dim[]): ProtobufWriter {
  const shape = new ProtobufWriter();
  for (const dim of dims) {
    shape.message(
      1,
      typeof dim === 'number' ? new ProtobufWriter().varint(1, dim) : new ProtobufWriter().string(2, dim),
    );
  }
  return new ProtobufWriter().message(1, new ProtobufWriter().varint(1, dataTypes[type]).message(2, shape));
}

function rawBytes(type: DataType, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * dataTypeBytes[type]);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (type === 'float32') view.setFloat32(index * 4, value, true);
    else if (type === 'int64') view.setBigInt64(index * 8, BigInt(value), true);
    else if (type === 'int32') view.setInt32(index * 4, value, true);
    else if (type === 'int8') view.setInt8(index, value);
    else view.setUint8(index, value);
  });
  return bytes;
}
