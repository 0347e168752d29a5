/** What of a matrix becomes which curve: lines as they are, one on the other, or by replica. */

import type { Labels } from "../words/labels";
import { keyOf } from "../words/labels";
import type { Line, Matrix } from "./matrix";

export interface Curve {
  key: string;
  labels: Labels;
  /** What is written in the tooltip; differs from `drawn` in stacks. */
  values: Float64Array;
  /** What is not finite is a gap. */
  drawn: Float64Array;
  /** The number of its colour. */
  colour: number;
  /** The replica whose points these are. */
  replica: Labels | null;
}

export function plainCurves(lines: readonly Line[], colourOf: ReadonlyMap<string, number>): Curve[] {
  return lines.map((line) => {
    const key = keyOf(line.labels);
    return { key, labels: line.labels, values: line.values, drawn: line.values, colour: colourOf.get(key) ?? 0, replica: null };
  });
}

/** Each curve on top of those behind it; the first one is on top of all. A gap counts as nothing. */
export function stacked(curves: readonly Curve[]): Curve[] {
  const size = curves[0]?.values.length ?? 0;
  const sum = new Float64Array(size);
  const anything = new Uint8Array(size);
  for (const { values } of curves) for (let i = 0; i < size; i += 1) if (Number.isFinite(values[i])) anything[i] = 1;
  const out: Curve[] = [];
  for (const curve of [...curves].reverse()) {
    const drawn = new Float64Array(size);
    for (let i = 0; i < size; i += 1) {
      if (Number.isFinite(curve.values[i])) sum[i] += curve.values[i];
      drawn[i] = anything[i] ? sum[i] : NaN;
    }
    out.push({ ...curve, drawn });
  }
  return out.reverse();
}

/** A curve for each line and replica: the steps that it gave, and the way to them. */
export function byReplica(matrix: Matrix): Curve[] {
  const out: Curve[] = [];
  for (const line of matrix.lines) {
    if (!line.origins) continue;
    matrix.replicas.forEach((replica, number) => {
      const values = ofOrigin(line.values, line.origins!, number);
      if (values) {
        const key = `${keyOf(line.labels)} ${keyOf(replica)}`;
        out.push({ key, labels: line.labels, values, drawn: values, colour: number, replica });
      }
    });
  }
  return out;
}

function ofOrigin(values: Float64Array, origins: Int16Array, number: number): Float64Array | null {
  const own = new Float64Array(values.length).fill(NaN);
  let isThere = false;
  for (let i = 0; i < values.length; i += 1) {
    const isOwn = origins[i] === number;
    isThere ||= isOwn;
    if (isOwn || (i + 1 < values.length && origins[i + 1] === number)) own[i] = values[i];
  }
  return isThere ? own : null;
}

/** How many steps of all lines each replica gave. */
export function shares(matrix: Matrix): number[] {
  const counts = matrix.replicas.map(() => 0);
  for (const line of matrix.lines) for (const origin of line.origins ?? []) if (origin >= 0) counts[origin] += 1;
  return counts;
}
