/**
 * The attacks that this project was built against, each with the tests that try it. They were gathered from advisories and
 * issues of other inference servers; SECURITY.md says what follows for whoever runs this one.
 */

const first = 1;
const last = 42;

export type AttackId = `T${number}`;

/** A test by its file and its name, or the beginning of it; what a name takes from a table stands in braces. */
export type Proof = readonly [file: string, name: string];

export interface Attack {
  readonly what: string;
  /** Beside those of the tables of bodies and of transport, which name their attack themselves. */
  readonly proofs?: readonly Proof[];
  /** What of it cannot happen here, and why. */
  readonly not?: string;
}

export const attackIds: readonly AttackId[] = Array.from(
  { length: last - first + 1 },
  (_, index): AttackId => `T${first + index}`,
);

const surfaces = 'test/api/attacks.test.ts';
const access = 'test/api/access.test.ts';
const streaming = 'test/api/streaming.test.ts';
const engineProcess = 'server/models/engine-process.test.ts';
const registry = 'core/registry/registry.test.ts';
const hostile = 'core/checkpoint/hostile.test.ts';
const secrets = 'test/e2e/secrets.test.ts';
const siege = 'test/e2e/siege.test.ts';
const graphs = 'core/onnx/check-model.test.ts';

export const attackTable: Readonly<Record<AttackId, Attack>> = {
  T1: { what: 'choices without number' },
  T2: { what: 'a best of without number' },
  T3: { what: 'prompts that are empty, of nothing, or no prompts' },
  T4: {
    what: 'stop strings without number or end',
    proofs: [
      [
        'server/completion/stop-matcher.test.ts',
        'a million characters that nearly match take less than a second',
      ],
    ],
  },
  T5: { what: 'stop tokens and words without number' },
  T6: { what: 'biases without number, outside of the vocabulary, or beyond all numbers' },
  T7: { what: 'more log probabilities than memory' },
  T8: { what: 'answers of no length, or beyond the context' },
  T9: {
    what: 'integers that overflow',
    proofs: [
      [surfaces, 'T9 every number that a body may hold is bounded on both sides'],
      [surfaces, 'T9 no number overflows'],
    ],
  },
  T10: {
    what: 'penalties, seeds and temperatures that are no numbers',
    proofs: [[engineProcess, 'after {signal} running requests end within a second']],
  },
  T11: {
    what: 'patterns, grammars and schemas that cannot be compiled',
    not: 'none is ever compiled: what asks for one is refused',
  },
  T12: {
    what: 'grammars and schemas nested without end',
    not: 'none is ever compiled: what asks for one is refused',
  },
  T13: { what: 'a grammar that fails late, and leaves the answer unconstrained' },
  T14: { what: 'new schemas without end, which fill a cache', not: 'there is no such cache' },
  T15: {
    what: 'patterns that take for ever',
    proofs: [
      ['core/privacy/recognisers.test.ts', 'no text of 100,000 characters takes any recogniser 200 ms'],
    ],
    not: 'no pattern of a client is ever compiled; those of a tokenizer come with the model and are trusted as it is',
  },
  T16: { what: 'templates from clients' },
  T17: {
    what: 'texts that take long to cut into tokens',
    proofs: [[surfaces, 'T17 while the longest text is cut into tokens, others are answered']],
  },
  T18: { what: 'bodies that are no JSON, or more than JSON' },
  T19: { what: 'bodies beyond the limit, and lengths that lie' },
  T20: { what: 'bodies in the smallest of pieces' },
  T21: {
    what: 'heads without end, slow clients, idle sockets',
    proofs: [['test/api/transport.test.ts', '1,000 idle sockets']],
  },
  T22: {
    what: 'content types that are nearly JSON',
    proofs: [['test/packages.test.ts', 'fastify is one that reads content types as they are']],
  },
  T23: {
    what: 'paths and hosts that mean another route',
    proofs: [
      [access, '{path} gives nothing without a key'],
      [access, '{JSON.stringify(headers)} gives nothing without a key'],
    ],
  },
  T24: {
    what: "operators' routes that are open",
    proofs: [
      [access, 'every route that is registered has a rule, and every rule is of a route'],
      [access, '{route} with {name}'],
      [access, '{route} with a key of the scope "{scope}" alone'],
      [siege, 'T32 a server with its trainer listens on the two addresses that it says, and on no other'],
    ],
  },
  T25: {
    what: 'keys that are guessed by time, or that are commands',
    proofs: [
      [access, 'no header whatever that is not a key opens anything'],
      [surfaces, 'T25 a key is compared in constant time with each one that is known'],
    ],
  },
  T26: {
    what: "other tenants' prompts told by the time that a prefix takes",
    proofs: [
      [surfaces, "T26 another tenant's prompt is computed in full, and its own is found"],
      ['server/batching/prefix-cache.test.ts', 'neither another scope nor another beginning finds a block'],
    ],
  },
  T27: {
    what: 'a cache that one tenant fills',
    proofs: [
      ['server/batching/prefix-cache.test.ts', 'a scope that fills the cache cannot drive out another scope'],
      ['server/batching/prefix-cache.test.ts', 'a tenant of many scopes cannot drive out another tenant'],
    ],
  },
  T28: {
    what: 'text that the sizes of streamed chunks tell',
    proofs: [
      [streaming, 'asked to hide sizes, a stream has chunks of one size and the same text'],
      [surfaces, 'T28 whatever the text, a hidden stream is of chunks of one size'],
    ],
  },
  T29: {
    what: 'addresses that the server is to fetch',
    proofs: [[surfaces, 'T29 no address that a client names is called']],
  },
  T30: {
    what: 'names that are paths',
    proofs: [
      [surfaces, 'T30 an id that is a path is the id of nothing'],
      [registry, 'names that could leave the folder or hide in it are refused'],
    ],
  },
  T31: {
    what: 'models that lie about their files',
    proofs: [
      [registry, '{what} is refused'],
      [graphs, 'with {name} is refused'],
      [hostile, 'whose weights hold {name} is refused'],
      [hostile, 'whose weights are a pickle is refused'],
      ['server/pull/pull.test.ts', 'a wheel is taken from pip, its files checked and nothing else written'],
    ],
  },
  T32: {
    what: 'a trainer that is reached from elsewhere',
    proofs: [
      [siege, 'T32 a server with its trainer listens on the two addresses that it says, and on no other'],
      ['test/packages.test.ts', 'neither the trainer nor an engine host can open a socket of its own'],
      [
        'server/cluster/versions.test.ts',
        'the server gives nothing away without its token, outside of a manifest, or by any other path',
      ],
    ],
  },
  T33: {
    what: 'clients that leave or stop reading',
    proofs: [
      [streaming, 'frees its slot within a second, whenever it goes'],
      [streaming, 'with a half-closed socket still gets its answer'],
      [streaming, 'or stops reading is found, and does not hold memory'],
      [surfaces, 'T33 after 1,000 clients that left nothing is taken'],
    ],
  },
  T34: {
    what: 'health that is told while nothing is generated',
    proofs: [[streaming, 'an engine that is not ready is told at once, and readiness with it']],
  },
  T35: {
    what: 'queues that only grow',
    proofs: [
      [streaming, 'a full queue refuses at once with a time to come back, and nothing accepted is lost'],
    ],
  },
  T36: {
    what: 'health that is not told while a long prompt is computed',
    proofs: [[surfaces, 'T36 health is told at once while steps are long']],
  },
  T37: {
    what: 'an engine host that dies, stops, or says nonsense',
    proofs: [
      [engineProcess, 'after {signal} running requests end within a second'],
      [engineProcess, 'a host that is killed again and again comes back each time'],
      [engineProcess, 'a host that does not get ready in time is ended'],
      [
        'server/models/host-process.test.ts',
        'a host that says what it should not is ended, and another takes its place',
      ],
    ],
  },
  T38: {
    what: 'a Redis that is down, slow or read-only',
    proofs: [
      [
        'server/redis/redis-link.test.ts',
        'many commands on a Redis that is stopped all fail within the deadline',
      ],
      ['test/redis/faults.test.ts', '{fault.name}: each call fails in time, and works again when it is over'],
      [
        'test/redis/key-limits.test.ts',
        'without Redis limited keys get 503 with a time to retry, others are answered: closed',
      ],
      ['test/redis/servers.test.ts', 'start without Redis, and find it when it comes'],
    ],
  },
  T39: {
    what: 'packages that were changed on their way',
    proofs: [
      ['test/packages.test.ts', 'every package is pinned by its digest'],
      ['test/packages.test.ts', 'no package runs a script when it is installed'],
      ['test/deploy/image.test.ts', 'packages come from the lockfile, and none runs a script'],
    ],
  },
  T40: {
    what: 'errors and logs that tell too much, or that can be written into',
    proofs: [
      [secrets, 'T40 nothing that is told or kept holds what was secret'],
      [secrets, 'T40 every line of the log is one object of JSON, whatever was sent'],
    ],
  },
  T41: {
    what: 'full disks, clocks that jump, no descriptors left',
    proofs: [
      [
        'core/feedback/log.test.ts',
        'a disk that is full fails what it cannot hold, and keeps what it has acknowledged',
      ],
      [registry, 'an import that fails leaves what was there and nothing else'],
      [surfaces, 'T41 a clock that jumps changes no limit'],
      [siege, 'T41 out of file descriptors the server lives, and serves when there are some again'],
    ],
  },
  T42: {
    what: 'memory that grows with the requests',
    proofs: [[siege, 'T42 a thousand requests more need no megabyte more']],
  },
};
