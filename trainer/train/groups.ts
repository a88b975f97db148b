import type { DecoderConfig } from '../../core/arch/config.ts';

/** The attention's scores grow with the square of what is packed. */
const maxPackedTokens = 2_048;

/** Tokens of one run of a training graph, all texts together: the rotary tables have no more rows. */
export const packedTokens = ({ maxContext }: Pick<DecoderConfig, 'maxContext'>): number =>
  Math.min(maxPackedTokens, maxContext);

/** In order, in groups of at most `maxTokens`; what is larger is a group of its own. */
export function groupsOf<T>(items: readonly T[], numTokensOf: (item: T) => number, maxTokens: number): T[][] {
  const groups: T[][] = [];
  let left = 0;
  for (const item of items) {
    const numTokens = numTokensOf(item);
    if (groups.length === 0 || numTokens > left) {
      groups.push([]);
      left = maxTokens;
    }
    groups.at(-1)!.push(item);
    left -= numTokens;
  }
  return groups;
}
