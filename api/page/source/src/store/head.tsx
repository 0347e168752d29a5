/** What is in memory and in the log, by shard, and the program around it. */

import { Head } from "../app/shell";
import { Facts } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Loading, Problem } from "../parts/notices";
import { ask, askText } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { family, single } from "../watch/exposition";
import { bytes, count, short } from "../words/numbers";
import { ago, showTime } from "../words/times";

interface Runtime {
  startTime?: string;
  reloadConfigSuccess?: boolean;
  storageRetention?: string;
}
interface Shard {
  shard: number;
  series: number;
  samples: number;
  log: number;
  waiting: number;
  segments: number;
}

const EVERY_MS = 5_000;

export function HeadPage() {
  const asked = useAnswer("head", load, EVERY_MS);
  return (
    <>
      <Head title="Head and log">New samples are in memory, and in the log until they are sealed to segments. A restart reads the log again.</Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && (
        <>
          <Facts facts={asked.value.facts} />
          <Grid label="Shards" rows={asked.value.shards} columns={[
            { label: "Shard", width: "minmax(80px, 1fr)", by: (row) => row.shard, show: (row) => row.shard },
            { label: "Series", width: "minmax(100px, 1fr)", isNumber: true, by: (row) => row.series, show: (row) => count(row.series) },
            { label: "Samples in memory", width: "minmax(150px, 1fr)", isNumber: true, by: (row) => row.samples, show: (row) => count(row.samples) },
            { label: "Log", width: "minmax(100px, 1fr)", isNumber: true, by: (row) => row.log, show: (row) => bytes(row.log) },
            { label: "Requests waiting", width: "minmax(130px, 1fr)", isNumber: true, by: (row) => row.waiting, show: (row) => count(row.waiting) },
            { label: "Segments", width: "minmax(90px, 1fr)", isNumber: true, by: (row) => row.segments, show: (row) => count(row.segments) },
          ]} />
        </>
      )}
    </>
  );
}

async function load(signal: AbortSignal) {
  const [text, runtime, build] = await Promise.all([
    askText("metrics", { signal }),
    ask<Runtime>("status/runtimeinfo", {}, { signal }).then((a) => a.data, (): Runtime => ({})),
    ask<{ version: string }>("status/buildinfo", {}, { signal }).then((a) => a.data.version, () => ""),
  ]);
  const by = (name: string) => new Map(family(text, name).map((sample) => [sample.labels.shard, sample.value]));
  const [series, samples, log, waiting, segments] = ["cupola_series", "cupola_head_samples", "cupola_wal_bytes", "cupola_write_queue_requests", "cupola_segments"].map(by);
  const shards = [...series.keys()].sort((a, b) => Number(a) - Number(b)).map((shard): Shard => ({
    shard: Number(shard), series: series.get(shard) ?? 0, samples: samples.get(shard) ?? 0, log: log.get(shard) ?? 0, waiting: waiting.get(shard) ?? 0, segments: segments.get(shard) ?? 0,
  }));
  const sum = (of: (shard: Shard) => number) => shards.reduce((total, shard) => total + of(shard), 0);
  const version = family(text, "cupola_build_info")[0]?.labels.version ?? "";
  const started = runtime.startTime ? Date.parse(runtime.startTime) : NaN;
  const facts: [string, string, string?][] = [
    ["Series in memory", count(sum((s) => s.series))],
    ["Samples in memory", short(sum((s) => s.samples))],
    ["Log", bytes(sum((s) => s.log))],
    ["Memory", bytes(single(text, "cupola_process_resident_memory_bytes") ?? 0)],
    ["Version", version, build ? `speaks as Prometheus ${build}` : undefined],
    ["Started", Number.isNaN(started) ? "–" : ago(started), Number.isNaN(started) ? undefined : showTime(started)],
  ];
  return { facts, shards };
}
