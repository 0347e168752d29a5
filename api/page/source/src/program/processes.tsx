/** The processes of this program, and the shards that each of them owns. */

import { Grid } from "../parts/grid";
import { Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { visible } from "../words/labels";
import { bytes, count } from "../words/numbers";
import { ago } from "../words/times";

interface Process {
  process: number;
  state: string;
  pid: number;
  shards: number[];
  restarts: number;
  startTime: number;
  residentBytes: number;
  processorSeconds: number;
  passedOn: number;
}

const EVERY_MS = 5_000;

export function Processes() {
  const asked = useAnswer("processes", async (signal) => (await ask<{ processes: Process[] }>("status/cluster", {}, { signal })).data.processes, EVERY_MS);
  if (asked.error && !asked.value) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  return (
    <>
      {asked.error && <Problem error={asked.error} />}
      <Grid label="Processes" rows={asked.value} rowClass={(row) => (row.state === "open" ? "" : "row-bad")} columns={[
        { label: "Process", width: "minmax(80px, 1fr)", by: (row) => row.process, show: (row) => row.process },
        { label: "State", width: "minmax(90px, 1fr)", by: (row) => row.state, show: (row) => visible(row.state) },
        { label: "Shards", width: "minmax(110px, 2fr)", show: (row) => row.shards.join(", ") || "–" },
        { label: "Started", width: "minmax(110px, 1fr)", by: (row) => row.startTime ?? 0, show: (row) => (row.startTime ? ago(row.startTime * 1000) : "–") },
        { label: "Restarts", width: "minmax(90px, 1fr)", isNumber: true, by: (row) => row.restarts, show: (row) => count(row.restarts) },
        { label: "Memory", width: "minmax(100px, 1fr)", isNumber: true, by: (row) => row.residentBytes ?? 0, show: (row) => (row.residentBytes ? bytes(row.residentBytes) : "–") },
        { label: "Processor, s", width: "minmax(110px, 1fr)", isNumber: true, by: (row) => row.processorSeconds ?? 0, show: (row) => (row.processorSeconds ?? 0).toFixed(1) },
        { label: "Passed on", width: "minmax(100px, 1fr)", isNumber: true, by: (row) => row.passedOn ?? 0, show: (row) => count(row.passedOn ?? 0) },
      ]} />
      <p class="note">Passed on: requests that came in here for a tenant of another process.</p>
    </>
  );
}
