/** Sums of what runs over parts of a batch gave: losses and gradients add up, since each lesson brings its own weight. */
import type { GradientStep } from './gradient-session.ts';

export type Sum = Omit<GradientStep, 'logprobs'>;

/** Adds the second's gradients to the first's in place. */
export function added(a: Sum, b: Sum): Sum {
  for (const [name, gradient] of b.gradients) {
    const into = a.gradients.get(name)!;
    for (let i = 0; i < gradient.length; i++) into[i]! += gradient[i]!;
  }
  const parts = { ...a.parts };
  for (const [name, value] of Object.entries(b.parts)) parts[name as keyof typeof parts] += value;
  return { loss: a.loss + b.loss, parts, gradients: a.gradients };
}
