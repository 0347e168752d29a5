/** The answer of a range query as columns on one grid of steps: what a graph draws. */

import type { Labels } from "../words/labels";
import { sampleValue } from "../words/numbers";

/** [kind of bounds, lower, upper, count] as the API writes it. */
export type Bucket = [number, string, string, string];
export interface HistogramPoint {
  /** The index of the step. */
  at: number;
  buckets: Bucket[];
}

export interface Line {
  labels: Labels;
  /** A value for each step; NaN is a gap. */
  values: Float64Array;
  histograms: HistogramPoint[];
  /** For each step the number of its replica in `replicas`, -1 for none; null if not asked for. */
  origins: Int16Array | null;
}

export interface Matrix {
  /** Seconds since 1970. */
  times: Float64Array;
  lines: Line[];
  /** How many series there were; above `LINES_MAX` some were left out. */
  total: number;
  replicas: Labels[];
  stats: unknown;
}

export const LINES_MAX = 1_000;

interface RangeRow {
  metric: Labels;
  values?: [number, string][];
  histograms?: [number, { buckets?: Bucket[] }][];
  replicas?: Labels[];
}
export interface RangeData {
  resultType: string;
  result: RangeRow[];
  stats?: unknown;
}

export function toMatrix(data: RangeData, start: number, end: number, step: number): Matrix {
  const steps = Math.floor((end - start) / step + 1e-6) + 1;
  const times = Float64Array.from({ length: steps }, (_, i) => start + i * step);
  const replicas: Labels[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (labels: Labels): number => {
    const key = JSON.stringify(labels);
    if (!numbers.has(key)) {
      numbers.set(key, replicas.length);
      replicas.push(labels);
    }
    return numbers.get(key)!;
  };
  const at = (time: number) => Math.round((time - start) / step);
  const lines = data.result.slice(0, LINES_MAX).map((row): Line => {
    const values = new Float64Array(steps).fill(NaN);
    const origins = row.replicas ? new Int16Array(steps).fill(-1) : null;
    for (const [index, [time, value]] of (row.values ?? []).entries()) {
      values[at(time)] = sampleValue(value);
      if (origins) origins[at(time)] = numberOf(row.replicas![index]);
    }
    const histograms = (row.histograms ?? []).map(([time, h]) => ({ at: at(time), buckets: h.buckets ?? [] }));
    return { labels: row.metric, values, histograms, origins };
  });
  return { times, lines, total: data.result.length, replicas, stats: data.stats };
}

/** Whether there is nothing that lines could be drawn of. */
export function hasOnlyHistograms({ lines }: Matrix): boolean {
  return lines.length > 0 && lines.every((line) => line.histograms.length > 0 && line.values.every(Number.isNaN));
}

/** The buffers that go to another thread without being copied. */
export function buffersOf(matrix: Matrix): ArrayBuffer[] {
  const own = [matrix.times, ...matrix.lines.flatMap((line) => (line.origins ? [line.values, line.origins] : [line.values]))];
  return own.map((array) => array.buffer as ArrayBuffer);
}
