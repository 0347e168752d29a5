/** What a query took, on one line and in full. */

import { aboutDuration } from "../words/durations";
import { count, plural } from "../words/numbers";
import { Menu } from "../parts/menu";
import type { Run } from "./run";

interface Stats {
  timings?: Record<string, number>;
  samples?: Record<string, unknown>;
  resolutions?: string[];
}

const TIMINGS: [string, string][] = [
  ["execTotalTime", "All of it"],
  ["execQueueTime", "Waiting for a turn"],
  ["queryPreparationTime", "Finding and reading series"],
  ["innerEvalTime", "Computing"],
  ["resultSortTime", "Sorting"],
];
const SAMPLES: [string, string][] = [
  ["totalQueryableSamples", "Samples of all windows"],
  ["samplesRead", "Samples, each once"],
  ["peakSamples", "Most held at once"],
  ["cachedSteps", "Steps known before"],
];

export function StatsLine({ run }: { run: Run }) {
  const { outcome } = run;
  if (run.state !== "done" || !outcome || outcome.kind === "explain") return null;
  const stats = ((outcome.kind === "graph" ? outcome.matrix.stats : outcome.data.stats) ?? {}) as Stats;
  const series = outcome.kind === "graph" ? outcome.matrix.total : outcome.data.total;
  const total = stats.timings?.execTotalTime;
  return (
    <div class="stats quiet small">
      <span>{plural(series, "series", "series")}</span>
      {total !== undefined && <span>{aboutDuration(total)} in the server</span>}
      <span>{aboutDuration(run.took / 1000)} in all</span>
      <Menu label="Statistics of the query" button="Statistics" buttonClass="link">
        {() => (
          <table class="plain">
            <tbody>
              {TIMINGS.filter(([name]) => stats.timings?.[name] !== undefined).map(([name, label]) => (
                <tr key={name}><th scope="row">{label}</th><td class="number">{aboutDuration(stats.timings![name])}</td></tr>
              ))}
              {SAMPLES.filter(([name]) => typeof stats.samples?.[name] === "number").map(([name, label]) => (
                <tr key={name}><th scope="row">{label}</th><td class="number">{count(stats.samples![name] as number)}</td></tr>
              ))}
              {stats.resolutions && <tr><th scope="row">Resolutions read</th><td class="number">{stats.resolutions.join(", ")}</td></tr>}
            </tbody>
          </table>
        )}
      </Menu>
    </div>
  );
}
