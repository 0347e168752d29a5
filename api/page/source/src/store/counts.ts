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

export interface Counts {
  series: number;
  seriesCountByMetricName: Count[];
  labelValueCountByLabelName: Count[];
  seriesCountByLabelValuePair: Count[];
  compared?: { series: number; gone: number; new: number; by: string; changes: Change[] };
}
