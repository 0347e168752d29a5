/** The report on segments, as the API gives it. */

export interface Segment {
  ulid: string;
  level: number;
  /** Seconds of a window; 0 for samples as they came. */
  resolution: number;
  minTime: number;
  maxTime: number;
  coversFrom: number | null;
  coversTo: number | null;
  lateSince: number | null;
  samples: number;
  histograms: number;
  exemplars: number;
  series: number;
  bytes: number;
  created: number;
  place: "disk" | "bucket";
  state: "in_use" | "compacting" | "damaged" | "set_aside";
  reason: string | null;
  since: number | null;
  next: { action: string; level?: number; windowStart?: number; windowEnd?: number; due: number | null } | null;
}

export interface Report {
  compacting: { shard: number; kind: string; level: number; resolution: number; segments: string[]; samples: number; samplesDone: number } | null;
  shards: { shard: number; segments: Segment[] }[];
}

/** What a lane of the picture holds: one resolution and level. */
export interface Lane {
  resolution: number;
  level: number;
  segments: Segment[];
}

/** Lanes of a shard, raw samples first, then by level; what would overlap in one gets lanes of its own. */
export function lanesOf(segments: readonly Segment[]): Lane[] {
  const lanes: (Lane & { end: number })[] = [];
  const sorted = [...segments].sort((a, b) => a.resolution - b.resolution || a.level - b.level || a.minTime - b.minTime);
  for (const segment of sorted) {
    const { resolution, level } = segment;
    let lane = lanes.find((one) => one.resolution === resolution && one.level === level && one.end <= segment.minTime);
    if (!lane) {
      lane = { resolution, level, segments: [], end: -Infinity };
      lanes.push(lane);
    }
    lane.segments.push(segment);
    lane.end = segment.maxTime;
  }
  return lanes.sort((a, b) => a.resolution - b.resolution || a.level - b.level);
}

export function resolutionName(seconds: number): string {
  return seconds === 0 ? "raw" : seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`;
}
