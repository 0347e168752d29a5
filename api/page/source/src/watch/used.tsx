/** Who was used when: a lane for each replica, dark where its samples are what a query shows. */

import { shownTheme } from "../app/theme";
import { colours } from "../ask/palette";
import { Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { keyOf, selector, shown, type Labels } from "../words/labels";
import { percent } from "../words/numbers";
import { shortTime, showTime } from "../words/times";

interface Row {
  values?: [number, string][];
  replicas?: Labels[];
}

const STEPS = 180;

export interface Lane {
  labels: Labels;
  /** Runs of steps: first, end, and the share of all series in each of them. */
  runs: [number, number, number][];
}

export function Used({ labels, replicas, start, end }: { labels: Labels; replicas: Labels[]; start: number; end: number }) {
  const step = Math.max(1, Math.round((end - start) / STEPS));
  const asked = useAnswer(JSON.stringify([labels, start, end]), async (signal) => {
    const metric = await metricOf(labels, start, end, signal);
    if (!metric) return null;
    const params = { query: selector({ __name__: metric, ...labels }), start, end, step, provenance: "true" };
    const { data } = await ask<{ result: Row[] }>("query_range", params, { signal, method: "POST" });
    return { metric, lanes: lanesOf(data.result, replicas, start, step) };
  });
  if (asked.error) return <Problem error={asked.error} />;
  if (!asked.value) return null;
  const palette = colours(shownTheme.value === "dark");
  const steps = Math.floor((end - start) / step) + 1;
  return (
    <figure class="used">
      <figcaption>Who was used when, for <code>{asked.value.metric}</code></figcaption>
      <ul>
        {asked.value.lanes.map((lane, number) => (
          <li key={keyOf(lane.labels)} aria-label={`${shown(lane.labels)}: used ${percent(usedShare(lane, steps))} of the time`}>
            <bdi class="mono small clip">{Object.values(lane.labels).join(" ") || "–"}</bdi>
            <svg viewBox={`0 0 ${steps} 1`} preserveAspectRatio="none" aria-hidden="true">
              {lane.runs.map(([first, after, share]) => (
                <rect key={first} x={first} width={after - first} height={1} fill={palette[number % palette.length]} fill-opacity={0.25 + 0.75 * share}>
                  <title>{`${showTime((start + first * step) * 1000)} to ${showTime((start + after * step) * 1000)}: ${percent(share)}`}</title>
                </rect>
              ))}
            </svg>
          </li>
        ))}
      </ul>
      <p class="ends quiet small"><span>{shortTime(start * 1000)}</span><span>{shortTime(end * 1000)}</span></p>
    </figure>
  );
}

function usedShare(lane: Lane, steps: number): number {
  return lane.runs.reduce((sum, [first, after, share]) => sum + (after - first) * share, 0) / steps;
}

/** A metric that all targets have, or any. */
async function metricOf(labels: Labels, start: number, end: number, signal: AbortSignal): Promise<string> {
  for (const set of [{ __name__: "up", ...labels }, labels]) {
    const match = Object.keys(set).length ? selector(set) : '{__name__=~".+"}';
    const { data } = await ask<string[]>("label/__name__/values", { "match[]": match, start, end, limit: 1 }, { signal });
    if (data.length) return data[0];
  }
  return "";
}

export function lanesOf(rows: readonly Row[], replicas: readonly Labels[], start: number, step: number): Lane[] {
  const keys = replicas.map(keyOf);
  const counts = replicas.map(() => new Map<number, number>());
  const totals = new Map<number, number>();
  for (const { values = [], replicas: origins = [] } of rows) {
    values.forEach(([time], index) => {
      const at = Math.round((time - start) / step);
      const wanted = origins[index];
      // A group may tell replicas apart by more than the replica label.
      const number = keys.findIndex((_, i) => Object.entries(wanted).every(([name, value]) => replicas[i][name] === value));
      totals.set(at, (totals.get(at) ?? 0) + 1);
      if (number >= 0) counts[number].set(at, (counts[number].get(at) ?? 0) + 1);
    });
  }
  return replicas.map((labels, number) => ({ labels, runs: runsOf(counts[number], totals) }));
}

function runsOf(counts: ReadonlyMap<number, number>, totals: ReadonlyMap<number, number>): Lane["runs"] {
  const runs: Lane["runs"] = [];
  for (const at of [...counts.keys()].sort((a, b) => a - b)) {
    const share = Math.round((counts.get(at)! / totals.get(at)!) * 20) / 20;
    const last = runs[runs.length - 1];
    if (last && last[1] === at && last[2] === share) last[1] = at + 1;
    else runs.push([at, at + 1, share]);
  }
  return runs;
}
