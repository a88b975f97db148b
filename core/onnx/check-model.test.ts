import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkModel } from './check-model.ts';
import { GraphBuilder } from './graph.ts';
import { ProtobufWriter } from './protobuf.ts';

const surroundings = { dataFiles: new Map([['weights.bin', 4096]]) };
const weight = { name: 'w', type: 'float32', dims: [8, 16], offset: 1024, length: 512 } as const;

function graphWith(change: (graph: GraphBuilder) => void = () => {}, dataFile = 'weights.bin'): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  const x = graph.input('x', 'float32', ['S', 8]);
  graph.output('y', 'float32', ['S', 16]);
  graph.nodeInto(['y'], 'MatMul', [x, graph.external(weight)]);
  graph.constant('int64', [2], [1, 2]);
  change(graph);
  return graph.finish('test');
}

const text = (field: number, value: string) => new ProtobufWriter().string(field, value);
/** A model of one graph that holds one thing. */
const modelOf = (field: number, value: ProtobufWriter): Uint8Array =>
  new ProtobufWriter().message(7, new ProtobufWriter().message(field, value)).finish();
const tensorOf = (
  places: Readonly<Record<string, string>>,
  dims: readonly number[] = [8],
  type = 1,
): Uint8Array => {
  const tensor = new ProtobufWriter().packedVarints(1, dims).varint(2, type).string(8, 't').varint(14, 1);
  for (const [key, value] of Object.entries(places)) {
    tensor.message(13, new ProtobufWriter().string(1, key).string(2, value));
  }
  return modelOf(5, tensor);
};
const place = { location: 'weights.bin', offset: '0', length: '32' };
const matMul = () => text(4, 'MatMul');

const refused: readonly (readonly [name: string, bytes: Uint8Array, reason: RegExp])[] = [
  ['nothing', new Uint8Array(), /no graph/],
  ['no protobuf', new TextEncoder().encode('this is no model file'), /./],
  ['a function', new ProtobufWriter().message(25, text(1, 'f')).finish(), /functions/],
  ['training information', new ProtobufWriter().message(20, text(1, 'f')).finish(), /training/],
  ['a custom domain', new ProtobufWriter().message(8, text(1, 'evil.ops')).finish(), /domain "evil\.ops"/],
  ['an operator that is not ours', modelOf(1, text(4, 'Loop')), /operator "Loop"/],
  ['an operator of a custom domain', modelOf(1, matMul().string(7, 'evil')), /operator "evil\.MatMul"/],
  ['one of ours in the wrong domain', modelOf(1, text(4, 'QuickGelu')), /operator "QuickGelu"/],
  ['a name from a prototype', modelOf(1, text(4, 'constructor')), /operator "constructor"/],
  ['a subgraph', modelOf(1, matMul().message(5, text(1, 'body').varint(20, 5))), /attribute "body"/],
  [
    'a tensor in an attribute',
    modelOf(1, matMul().message(5, text(1, 'value').varint(20, 4))),
    /attribute "value"/,
  ],
  ['a sparse tensor', modelOf(15, text(1, 's')), /sparse/],
  ['an absolute path', tensorOf({ ...place, location: '/etc/passwd' }), /"\/etc\/passwd", which is not in/],
  ['a path out of the folder', tensorOf({ ...place, location: '../weights.bin' }), /not in the manifest/],
  ['a path with a dot', tensorOf({ ...place, location: './weights.bin' }), /not in the manifest/],
  ['no place', tensorOf({}), /lies in ""/],
  [
    'a place said twice',
    modelOf(
      5,
      new ProtobufWriter()
        .varint(2, 1)
        .varint(14, 1)
        .message(13, text(1, 'location'))
        .message(13, text(1, 'location')),
    ),
    /twice/,
  ],
  ['an end behind the file', tensorOf({ ...place, offset: '4090' }), /reaches to byte 4122/],
  ['an offset that wraps around', tensorOf({ ...place, offset: '999999999999999999' }), /reaches to byte/],
  ['a negative offset', tensorOf({ ...place, offset: '-8' }), /no number/],
  [
    'a length that is not the shape’s',
    tensorOf({ ...place, length: '64' }),
    /has 64 bytes, its shape says 32/,
  ],
  ['no length', tensorOf({ location: 'weights.bin' }), /no number/],
  ['a shape that overflows', tensorOf(place, [2 ** 31, 2 ** 31, 2 ** 31]), /its shape says/],
  [
    'a kind of place that a 32-bit reader takes for another',
    modelOf(
      5,
      new ProtobufWriter()
        .varint(2, 1)
        .packedVarints(1, [0])
        .varint(14, 2 ** 32 + 1),
    ),
    /unknown kind of place/,
  ],
  ['strings as weights', tensorOf(place, [8], 8), /type that is not one of ours/],
  [
    'inline bytes that lie about their shape',
    modelOf(5, new ProtobufWriter().packedVarints(1, [4]).varint(2, 1).bytes(9, new Uint8Array(8))),
    /has 8 bytes, its shape says 16/,
  ],
];

describe('a model file', () => {
  test('as Millrace writes it is taken', () => {
    checkModel(graphWith(), surroundings);
  });

  for (const [name, bytes, reason] of refused) {
    test(`with ${name} is refused`, () => {
      assert.throws(() => checkModel(bytes, surroundings), reason);
    });
  }

  test('that is cut off anywhere is refused, or holds the whole graph', () => {
    const bytes = graphWith();
    for (let length = 0; length < bytes.length; length++) {
      try {
        checkModel(bytes.subarray(0, length), surroundings);
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, `${error}`);
      }
    }
  });

  test('of any bytes, or with any bytes changed, is taken or refused, and never anything else', () => {
    const bytes = graphWith();
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    const attempt = (candidate: Uint8Array): void => {
      try {
        checkModel(candidate, surroundings);
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, `${error}`);
      }
    };
    fc.assert(
      fc.property(changes, (pairs) => {
        const changed = bytes.slice();
        for (const [at, value] of pairs) changed[at] = value;
        attempt(changed);
      }),
      { numRuns: 3000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), attempt), { numRuns: 2000 });
  });
});
