/** What stands in a redacted text where something was found, and how such a place is known again. */
import { type Kind, kinds } from './recogniser.ts';

export const placeholderOf = (kind: Kind): string => `[${kind}]`;

/** Source of a pattern that matches every placeholder. */
export const placeholderPattern = `\\[(?:${kinds.join('|')})\\]`;

/** Stands for a placeholder in a view (U+FFFC, object replacement). No recogniser may match it or look beyond it. */
export const opaque = '\uFFFC';
