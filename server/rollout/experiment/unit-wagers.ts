/** The wagers that a comparison of two versions keeps, one for each bad thing that can happen to a unit. */
import { newWager, Wager, type WagerState } from './wager.ts';

export const latencies = ['ttft', 'tpot'] as const;
export type Latency = (typeof latencies)[number];
/** It failed, was corrected, or was slow. */
export type UnitEvent = 'failed' | 'corrected' | Latency;

export type ForEachEvent<T> = Readonly<Record<UnitEvent, T>>;
export type Wagers = ForEachEvent<Wager>;
export type WagerStates = ForEachEvent<WagerState>;

const forEachEvent = <T>(make: (event: UnitEvent) => T): ForEachEvent<T> => ({
  failed: make('failed'),
  corrected: make('corrected'),
  ttft: make('ttft'),
  tpot: make('tpot'),
});

export const newWagers = (): WagerStates => forEachEvent(() => newWager);

export const wagersFrom = (states: WagerStates): Wagers => forEachEvent((event) => new Wager(states[event]));

export const wagerStates = (wagers: Wagers): WagerStates => forEachEvent((event) => wagers[event].state());

export const pValuesOf = (wagers: Wagers): ForEachEvent<number> =>
  forEachEvent((event) => wagers[event].pValue);
