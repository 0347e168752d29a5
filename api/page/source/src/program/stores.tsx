/** Where queries read from: this server, and the stores that it asks. */

import { Grid } from "../parts/grid";
import { Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { type Labels, shown, visible } from "../words/labels";
import { ago, showTime } from "../words/times";

interface Answer {
  name: string;
  lastCheck: string;
  lastError: string | null;
  labelSets: Labels[];
  minTime: number;
  maxTime: number;
}
interface Store extends Answer {
  kind: string;
}

const EVERY_MS = 10_000;
/** Beyond these a store says that it has no bound. */
const TIME_LIMIT_MS = 8.64e15;

export function Stores() {
  const asked = useAnswer("stores", async (signal) => rowsOf((await ask<Record<string, Answer[]>>("stores", {}, { signal })).data), EVERY_MS);
  if (asked.error && !asked.value) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  return (
    <>
      {asked.error && <Problem error={asked.error} />}
      <Grid label="Stores" rows={asked.value} columns={[
        { label: "Store", width: "minmax(180px, 2fr)", by: (row) => row.name, show: (row) => <bdi class="mono">{visible(row.name)}</bdi> },
        { label: "Kind", width: "minmax(120px, 1fr)", by: (row) => row.kind, show: (row) => visible(row.kind) },
        { label: "State", width: "minmax(180px, 2fr)", by: (row) => row.lastError ?? "", show: state },
        { label: "Labels", width: "minmax(180px, 2fr)", show: (row) => <bdi title={labels(row)}>{labels(row)}</bdi> },
        { label: "From", width: "minmax(160px, 1fr)", by: (row) => row.minTime, show: (row) => bound(row.minTime) },
        { label: "Until", width: "minmax(160px, 1fr)", by: (row) => row.maxTime, show: (row) => bound(row.maxTime) },
        { label: "Asked", width: "minmax(90px, 1fr)", by: (row) => row.lastCheck, show: (row) => ago(Date.parse(row.lastCheck)) },
      ]} />
    </>
  );
}

function rowsOf(byKind: Record<string, Answer[]>): Store[] {
  return Object.entries(byKind).flatMap(([kind, answers]) => answers.map((answer) => ({ kind, ...answer })));
}

function state(row: Store) {
  return row.lastError ? <bdi class="bad-text" title={visible(row.lastError)}>{visible(row.lastError)}</bdi> : "answers";
}

function labels(row: Store): string {
  return row.labelSets.map((set) => shown(set)).join(", ") || "–";
}

function bound(ms: number): string {
  return Math.abs(ms) < TIME_LIMIT_MS ? showTime(ms) : "open";
}
