/** Between what bounds curves lie, and in what unit they are drawn. */

import type { Curve } from "./curves";

export interface Extent {
  /** Null where nothing can be drawn. */
  least: number | null;
  most: number | null;
  /** The power of ten that is drawn as 1: for magnitudes that axes have no ticks for, else 1. */
  unit: number;
}

// Beyond these, distances of ticks have more digits than numbers hold.
const UNIT_FROM = 1e15;
const UNIT_TO = 1e-9;
const EXPONENT_LEAST = -300;

export function extentOf(curves: readonly Curve[]): Extent {
  let least = Infinity;
  let most = -Infinity;
  for (const { drawn } of curves) {
    for (let i = 0; i < drawn.length; i += 1) {
      const value = drawn[i];
      if (value < least && value !== -Infinity) least = value;
      if (value > most && value !== Infinity) most = value;
    }
  }
  return least > most ? { least: null, most: null, unit: 1 } : { least, most, unit: unitOf(Math.max(Math.abs(least), Math.abs(most))) };
}

function unitOf(size: number): number {
  if (size === 0 || (size < UNIT_FROM && size >= UNIT_TO)) return 1;
  return 10 ** Math.max(EXPONENT_LEAST, Math.floor(Math.log10(size)));
}

/** A range of the y axis, in units, with some air, or from `floor` on where that is given. */
export function airy({ least, most, unit }: Extent, floor: number | null): [number, number] {
  let low = (least ?? 0) / unit;
  const high = (most ?? 1) / unit;
  if (floor !== null) low = floor / unit;
  const size = Math.max(Math.abs(low), Math.abs(high));
  // Closer together than numbers of this size can be told apart.
  if (high - low <= size * 1e-12) {
    const more = Math.abs(low) * 0.1 || 1;
    return floor !== null ? [low, low + more] : [low - more, high + more];
  }
  const air = (high - low) * 0.06;
  // Counts that begin near zero are shown from zero.
  const down = floor !== null ? low : low >= 0 && low < (high - low) * 0.25 ? 0 : low - air;
  return [down, high + air];
}

/** Values in units with null for gaps, as uPlot takes them. */
export function withGaps(values: Float64Array, unit: number): (number | null)[] {
  const out = new Array<number | null>(values.length);
  for (let i = 0; i < values.length; i += 1) out[i] = Number.isFinite(values[i]) ? values[i] / unit : null;
  return out;
}
