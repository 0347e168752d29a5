/** The report on cardinality, as the API gives it. */

export interface Count {
  name: string;
  value: number;
}

export interface Change {
  name: string;
  before: number;
  after: number;
  difference: number;
}

/** What series take: samples, bytes of segments, and how many began or ended in the range. */
export interface Totals {
  samples: number;
  bytes: number;
  began: number;
  ended: number;
}
export interface Use extends Totals {
  name: string;
  series: number;
}
export interface Usage extends Totals {
  byMetricName: Use[];
  byLabelName: Use[];
  byLabelValuePair: Use[];
}

export interface Counts {
  series: number;
  seriesCountByMetricName: Count[];
  labelValueCountByLabelName: Count[];
  seriesCountByLabelValuePair: Count[];
  usage?: Usage;
  compared?: { series: number; gone: number; new: number; by: string; changes: Change[]; usage?: Totals; sampleChanges?: Change[] };
}

/** A value of a label with its series and samples before and after; null where a table was cut before it. */
export interface Difference {
  name: string;
  series: Change | null;
  samples: Change | null;
}

/** The changes of series and of samples side by side, what has changed the most first. */
export function differences(series: readonly Change[], samples: readonly Change[]): Difference[] {
  const of = new Map<string, Difference>();
  const get = (name: string) => of.get(name) ?? of.set(name, { name, series: null, samples: null }).get(name)!;
  for (const change of series) get(change.name).series = change;
  for (const change of samples) get(change.name).samples = change;
  return [...of.values()];
}

/** `{name="value"}` of a pair as the tables write it. */
export function pairOf(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}
