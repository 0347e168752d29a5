/** The report on replicas, as the API gives it. */

import type { Labels } from "../words/labels";

export interface Replica {
  labels: Labels;
  silent: boolean;
  /** Seconds; null if it is not known. */
  lastSample: number | null;
  scrapeInterval: number | null;
  offset: number | null;
  samples: number;
  missedScrapes: number;
  share: number;
}

export interface ReplicaGroup {
  tenant: string;
  labels: Labels;
  series: number;
  incompleteSeries: number;
  seriesEndedApart: number;
  switches: number;
  holes: number;
  replicas: Replica[];
}
