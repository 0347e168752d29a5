/** The answer of an instant query as a table shows it: a part of it, where it is large. */

import type { Labels } from "../words/labels";
import type { Bucket } from "./matrix";

export interface Histogram {
  count: string;
  sum: string;
  buckets?: Bucket[];
}
export interface Samples {
  values?: [number, string][];
  histograms?: [number, Histogram][];
}
/** One series as the API writes it. */
export interface ServedRow extends Samples {
  metric: Labels;
  value?: [number, string];
  histogram?: [number, Histogram];
  replica?: Labels;
}
export interface ServedInstant {
  resultType: "vector" | "matrix" | "scalar" | "string";
  result: ServedRow[] | [number, string];
  stats?: unknown;
}

export interface Row {
  metric: Labels;
  value?: [number, string];
  histogram?: [number, Histogram];
  replica?: Labels;
  /** How many samples a range has, and all of them as JSON: read when they are looked at. */
  samples?: number;
  histograms?: number;
  packed?: string;
}
export interface InstantData {
  resultType: "vector" | "matrix" | "scalar" | "string";
  rows: Row[];
  /** The text of a scalar or a string. */
  text: string;
  /** How many series there were. */
  total: number;
  stats?: unknown;
}

export const ROWS_MAX = 10_000;

export function cut({ resultType, result, stats }: ServedInstant): InstantData {
  if (resultType === "scalar" || resultType === "string") {
    return { resultType, rows: [], text: (result as [number, string])[1], total: 1, stats };
  }
  const rows = (result as ServedRow[]).slice(0, ROWS_MAX).map(packed);
  return { resultType, rows, text: "", total: result.length, stats };
}

function packed({ values, histograms, ...row }: ServedRow): Row {
  if (!values && !histograms) return row;
  return { ...row, samples: values?.length ?? 0, histograms: histograms?.length ?? 0, packed: JSON.stringify({ values, histograms }) };
}

export function samplesOf({ value, histogram, packed: text }: Row): Samples {
  if (text) return JSON.parse(text) as Samples;
  return { values: value ? [value] : [], histograms: histogram ? [histogram] : [] };
}
