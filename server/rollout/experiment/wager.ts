/**
 * A test that may be looked at after every observation: wealth won by betting that an event is more likely than claimed.
 * If the claim holds, the chance that the wealth ever reaches 1/α is at most α (Ville 1939; Ramdas, Grünwald, Vovk and
 * Shafer, "Game-Theoretic Statistics and Safe Anytime-Valid Inference", Statistical Science 38, 2023, sections 2 and 3).
 */
import { invariant } from '../../../core/invariant.ts';

/**
 * The wealth is split evenly among opponents who each believe that the odds of the event are so many times the claimed
 * ones. Which of them is right need not be known: it costs a factor of five.
 */
const oddsRatios = [2, 4, 8, 16, 64];

export interface WagerState {
  /** Of each opponent, natural logarithm; all begin with 0. */
  readonly logWealth: readonly number[];
  /** Logarithm of the highest mean wealth there has been, ≥ 0. */
  readonly peak: number;
}

export const newWager: WagerState = { logWealth: oddsRatios.map(() => 0), peak: 0 };

/**
 * An opponent with the odds ratio r expects rp / (1+(r-1)p) where p is claimed. The ratio of the likelihoods, by which the
 * wealth is multiplied, is r/d when the event happens and 1/d when not, with d = 1+(r-1)p.
 */
export class Wager {
  private readonly logWealth: number[];
  private peak: number;

  constructor(state: WagerState = newWager) {
    invariant(state.logWealth.length === oddsRatios.length, 'there is a wealth for each opponent');
    this.logWealth = [...state.logWealth];
    this.peak = state.peak;
  }

  /**
   * `claimed` is the highest probability of the event that is still in order, inside (0, 1); it may differ from one bet to
   * the next, but has to be known before.
   */
  bet(happened: 'event' | 'nothing', claimed: number): void {
    invariant(claimed > 0 && claimed < 1, 'a probability lies inside (0, 1)');
    for (let i = 0; i < oddsRatios.length; i++)
      this.logWealth[i]! -= Math.log1p((oddsRatios[i]! - 1) * claimed);
    if (happened === 'event') this.reveal();
  }

  /**
   * An earlier bet on nothing turns out as an event after all. Until then the wealth was understated: it never exceeds that
   * of bets whose ends are known at once, so that the bound stays.
   */
  reveal(): void {
    for (let i = 0; i < oddsRatios.length; i++) this.logWealth[i]! += Math.log(oddsRatios[i]!);
    this.peak = Math.max(this.peak, logMeanExp(this.logWealth));
  }

  /** Against the claim, valid whenever it is looked at, in (0, 1]. */
  get pValue(): number {
    return Math.exp(-this.peak);
  }

  state(): WagerState {
    return { logWealth: [...this.logWealth], peak: this.peak };
  }
}

function logMeanExp(values: readonly number[]): number {
  const most = Math.max(...values);
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  return most + Math.log(sum / values.length);
}
