/** The gateway with everything that learning adds to it, on a folder of its own; nothing trains. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type Learning, openLearning } from '../../server/learning/learning.ts';
import { fakeEncoder } from '../../server/memory/fake-embed.ts';
import { publishFake } from '../../server/rollout/fake-versions.ts';
import { type Gateway, type GatewayOptions, modelId, startGateway } from './gateway.ts';

export const baseDigest = `sha256:${'c'.repeat(64)}`;
const shortBase = baseDigest.slice(0, 19);

export interface LearningGateway extends Gateway {
  readonly learning: Learning;
  /** Where everything that it keeps is. */
  readonly dir: string;
  /** A version of an adapter that the tenant may be served. Returns its id. */
  publish(tenant: string): Promise<string>;
}

export interface LearningGatewayOptions extends GatewayOptions {
  readonly tenants: readonly string[];
  /** By default the test fails. */
  readonly onProblem?: (problem: string) => void;
}

/** What is closed is removed. */
export async function startLearningGateway(options: LearningGatewayOptions): Promise<LearningGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-api-learning-'));
  const { tenants, onProblem = (problem) => assert.fail(problem), ...rest } = options;
  let learning: Learning | null = null;
  const gateway = await startGateway({
    ...rest,
    adapt: (model) => ({ ...model, version: shortBase, digest: baseDigest }),
    learning: async ({ id, engine }) =>
      (learning = await openLearning({
        dir,
        models: [{ id, base: baseDigest, shortBase, engine }],
        defaultModel: id,
        modelsDir: join(dir, 'models'),
        tenants,
        baseMoves: () => ({ to: async () => {}, close: async () => {} }),
        consolidateAfter: 0,
        maxAdapterRows: 1_000,
        canaryShare: 0,
        maxShadowMs: 5_000,
        keeper: {
          responses: { keepMs: 3_600_000, totalBytes: 1e7, maxResponses: 1_000 },
          log: { segmentBytes: 1e6, totalBytes: 1e7, maxPending: 100 },
          maxIndexed: 1_000,
        },
        memory: {
          maxEntries: 100,
          maxPerAccount: 50,
          embed: fakeEncoder().embed,
          encoder: 'words',
          thresholds: { similarity: 0.8, namedSimilarity: 0.7 },
          ttlMs: 3_600_000,
          maxWaitMs: 1_000,
        },
        onProblem,
        onSwap: () => {},
      })),
  });
  return {
    ...gateway,
    learning: learning!,
    dir,
    publish: (tenant) => publishFake(learningLayout(dir), { model: modelId, tenant, base: baseDigest }),
    async close() {
      await gateway.close();
      rmSync(dir, { recursive: true });
    },
  };
}
