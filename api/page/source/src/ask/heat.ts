/** Histograms over time as cells: of native ones their buckets, of classic ones what is between two `le`. */

import { keyOf, type Labels } from "../words/labels";
import { sampleValue } from "../words/numbers";
import type { Line, Matrix } from "./matrix";

export interface Row {
  lower: number;
  upper: number;
}

export interface Heat {
  /** From the lowest bucket to the highest. */
  rows: Row[];
  /** For each row its counts, one for each step. */
  cells: Float64Array[];
  most: number;
}

export const ROWS_MAX = 400;

/** The cells of all series together; null where none of them is a histogram. */
export function heatOf(matrix: Matrix): Heat | null {
  if (matrix.lines.some((line) => line.histograms.length)) return ofNative(matrix);
  const buckets = matrix.lines.filter((line) => "le" in line.labels);
  return buckets.length > 1 ? ofClassic(buckets) : null;
}

function ofNative(matrix: Matrix): Heat {
  const found = new Map<string, { row: Row; counts: Float64Array }>();
  for (const line of matrix.lines) {
    for (const { at, buckets } of line.histograms) {
      for (const [, lower, upper, count] of buckets) {
        add(found, sampleValue(lower), sampleValue(upper), at, sampleValue(count), matrix.times.length);
      }
    }
  }
  return ordered(found);
}

function ofClassic(lines: readonly Line[]): Heat {
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const { le: _le, ...rest } = line.labels;
    const key = keyOf(rest as Labels);
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  const found = new Map<string, { row: Row; counts: Float64Array }>();
  for (const group of groups.values()) {
    const bounds = group.map((line) => ({ upper: sampleValue(line.labels.le), values: line.values }));
    bounds.sort((a, b) => a.upper - b.upper);
    bounds.forEach(({ upper, values }, index) => {
      const below = bounds[index - 1];
      for (let at = 0; at < values.length; at += 1) {
        const count = values[at] - (below ? below.values[at] : 0);
        if (count > 0) add(found, below ? below.upper : -Infinity, upper, at, count, values.length);
      }
    });
  }
  return ordered(found);
}

function add(found: Map<string, { row: Row; counts: Float64Array }>, lower: number, upper: number, at: number, count: number, steps: number): void {
  if (!(count > 0)) return;
  const key = `${lower} ${upper}`;
  let known = found.get(key);
  if (!known) {
    if (found.size >= ROWS_MAX) return;
    known = { row: { lower, upper }, counts: new Float64Array(steps) };
    found.set(key, known);
  }
  known.counts[at] += count;
}

function ordered(found: Map<string, { row: Row; counts: Float64Array }>): Heat {
  const all = [...found.values()].sort((a, b) => a.row.upper - b.row.upper || a.row.lower - b.row.lower);
  let most = 0;
  for (const { counts } of all) for (const value of counts) most = Math.max(most, value);
  return { rows: all.map((one) => one.row), cells: all.map((one) => one.counts), most };
}
