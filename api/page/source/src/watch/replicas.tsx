/** HA groups: which replicas send, what each has missed, and who was used when. */

import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Choice, Facts } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Code } from "../parts/code";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration, parseDuration } from "../words/durations";
import { keyOf, selector, shown, type Labels } from "../words/labels";
import { count, percent, plural } from "../words/numbers";
import { ago, showTime } from "../words/times";
import type { Replica, ReplicaGroup } from "./replica_groups";
import { Used } from "./used";

const RANGES: [string, string][] = [["15m", "15 min"], ["1h", "Hour"], ["6h", "6 hours"], ["1d", "Day"]];
const EVERY_MS = 15_000;

export function ReplicasPage() {
  const range = param("range") || "1h";
  const asked = useAnswer(range, async (signal) => {
    const end = Math.floor(Date.now() / 1000);
    const start = end - (parseDuration(range) ?? 3_600_000) / 1000;
    const { data } = await ask<{ groups: ReplicaGroup[] }>("status/replicas", { start, end }, { signal });
    return { groups: data.groups, start, end };
  }, EVERY_MS);
  return (
    <>
      <Head title="Replicas" tools={<Choice label="Range" value={range} choices={RANGES} onSet={(value) => setParam("range", value, true)} />}>
        Replicas that send the same series, told apart by a replica label. Each is stored as it came; a query shows one.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading label="Looking at what they sent" />}
      {asked.value && (asked.value.groups.length
        ? asked.value.groups.map((group) => <Group key={group.tenant + keyOf(group.labels)} group={group} start={asked.value!.start} end={asked.value!.end} />)
        : <NoReplicas />)}
    </>
  );
}

function NoReplicas() {
  return (
    <div class="card">
      <Empty title="No replicas in this range">
        <p>Two Prometheis that scrape the same targets are a pair as soon as each has an external label of its own:</p>
      </Empty>
      <div class="narrow"><Code text={"global:\n  external_labels:\n    cluster: edge-1\n    prometheus_replica: a   # b in the twin"} /></div>
    </div>
  );
}

function Group({ group, start, end }: { group: ReplicaGroup; start: number; end: number }) {
  const silent = group.replicas.filter((replica) => replica.silent).length;
  return (
    <article class="card group-card" aria-label={`Group ${shown(group.labels)}`}>
      <header>
        <h2><bdi class="mono">{shown(group.labels)}</bdi></h2>
        <span class={`badge ${silent ? "bad" : "good"}`}>{silent ? `${silent} of ${group.replicas.length} silent` : `${plural(group.replicas.length, "replica")} send`}</span>
        <a class="small" href={hrefOf("ask", { "g0.expr": selector({ __name__: "up", ...group.labels }), "g0.tab": "graph", "g0.replicas": "1" })}>Ask, coloured by replica</a>
      </header>
      <Facts facts={[
        ["Series, made one", count(group.series)],
        ["Not sent by all", count(group.incompleteSeries)],
        ["Ended apart", count(group.seriesEndedApart)],
        ["Switches", count(group.switches)],
        ["Holes left", count(group.holes)],
      ]} />
      <Replicas replicas={group.replicas} />
      <Used labels={group.labels} replicas={group.replicas.map((replica) => replica.labels)} start={start} end={end} />
    </article>
  );
}

function nameOf(labels: Labels): string {
  return shown(labels);
}

function Replicas({ replicas }: { replicas: Replica[] }) {
  const seconds = (value: number | null) => (value === null ? "–" : aboutDuration(value));
  return (
    <Grid label="Replicas" rows={replicas} rowHeight={40} rowClass={(row) => (row.silent ? "row-bad" : "")} columns={[
      { label: "Replica", width: "minmax(210px, 1.6fr)", by: (row) => nameOf(row.labels), show: (row) => <span class="lamped"><i class={`lamp ${row.silent ? "bad" : "good"}`} /><bdi class="mono clip">{nameOf(row.labels)}</bdi></span> },
      { label: "State", width: "80px", by: (row) => (row.silent ? 1 : 0), show: (row) => (row.silent ? <strong class="bad-text">silent</strong> : "sends") },
      { label: "Last sample", width: "120px", isNumber: true, by: (row) => row.lastSample ?? 0, show: (row) => (row.lastSample === null ? "–" : <time title={showTime(row.lastSample * 1000)}>{ago(row.lastSample * 1000)}</time>) },
      { label: "Missed", width: "100px", isNumber: true, by: (row) => row.missedScrapes, show: (row) => count(row.missedScrapes) },
      { label: "Interval", width: "90px", isNumber: true, by: (row) => row.scrapeInterval ?? 0, show: (row) => seconds(row.scrapeInterval) },
      { label: "Offset", width: "90px", isNumber: true, by: (row) => row.offset ?? 0, show: (row) => seconds(row.offset) },
      { label: "Samples", width: "110px", isNumber: true, by: (row) => row.samples, show: (row) => count(row.samples) },
      { label: "Used", width: "80px", isNumber: true, by: (row) => row.share, show: (row) => percent(row.share) },
    ]} />
  );
}
