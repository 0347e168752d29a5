/** Sealed segments on a time line, and what will happen to them. */

import { useState } from "preact/hooks";
import { param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Detail } from "../parts/detail";
import { Choice, Facts } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Empty, Loading, Notices, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration, showDuration } from "../words/durations";
import { bytes, count, percent, plural, short } from "../words/numbers";
import { shortTime, showTime } from "../words/times";
import { lanesOf, resolutionName, type Report, type Segment } from "./segment";

const EVERY_MS = 15_000;

export function SegmentsPage() {
  const asked = useAnswer("segments", async (signal) => (await ask<Report>("status/segments", {}, { signal })).data, EVERY_MS);
  const shard = param("shard");
  const [open, setOpen] = useState<Segment | null>(null);
  const shards = asked.value?.shards ?? [];
  const chosen = shard === "" ? shards : shards.filter((one) => String(one.shard) === shard);
  const all = chosen.flatMap((one) => one.segments);
  return (
    <>
      <Head title="Segments" tools={shards.length > 1 && <Choice label="Shard" value={shard} choices={[["", "All shards"], ...shards.map((one): [string, string] => [String(one.shard), String(one.shard)])]} onSet={(value) => setParam("shard", value)} />}>
        What was sealed from memory to files: each covers a range of time of one shard.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && !all.length && <div class="card"><Empty title="Nothing is sealed yet"><p>New samples are in memory and in the log. They are sealed to segments when there are enough of them, or when they are old enough.</p></Empty></div>}
      {all.length > 0 && (
        <>
          <Sums segments={all} />
          <Job report={asked.value!} />
          <TimeLine report={chosen} all={all} onOpen={setOpen} />
          <h2 class="section">All of them</h2>
          <Table segments={all} onOpen={setOpen} />
        </>
      )}
      {open && <SegmentDetail segment={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Sums({ segments }: { segments: readonly Segment[] }) {
  const sum = (of: (segment: Segment) => number) => segments.reduce((total, segment) => total + of(segment), 0);
  const raw = segments.filter((segment) => segment.resolution === 0);
  const rawSamples = raw.reduce((total, segment) => total + segment.samples, 0);
  const remote = segments.filter((segment) => segment.place === "bucket");
  return (
    <Facts facts={[
      ["Segments", count(segments.length), remote.length ? `${count(remote.length)} in the bucket only` : "all on this disk"],
      ["Size", bytes(sum((segment) => segment.bytes))],
      ["Samples", short(sum((segment) => segment.samples))],
      ["Bytes a sample", rawSamples ? (raw.reduce((total, s) => total + s.bytes, 0) / rawSamples).toFixed(2) : "–", "of samples as they came"],
      ["From", shortTime(Math.min(...segments.map((s) => s.minTime)) * 1000), `to ${shortTime(Math.max(...segments.map((s) => s.maxTime)) * 1000)}`],
    ]} />
  );
}

function Job({ report }: { report: Report }) {
  const job = report.compacting;
  if (!job) return null;
  return <Notices warnings={[]} infos={[`Compaction is at work on shard ${job.shard}: ${job.kind} of ${plural(job.segments.length, "segment")} to level ${job.level}, ${percent(job.samplesDone / Math.max(1, job.samples))} done.`]} />;
}

function TimeLine({ report, all, onOpen }: { report: Report["shards"]; all: readonly Segment[]; onOpen: (segment: Segment) => void }) {
  const from = Math.min(...all.map((segment) => segment.minTime));
  const to = Math.max(...all.map((segment) => segment.maxTime), from + 60);
  const at = (time: number) => `${((time - from) / (to - from)) * 100}%`;
  return (
    <figure class="card timeline" aria-label="Segments by time">
      {report.map(({ shard, segments }) => (
        <div class="shard" key={shard}>
          <h3>Shard {shard}</h3>
          {lanesOf(segments).map((lane, index) => (
            <div class="lane" key={index}>
              <span class="quiet small">{resolutionName(lane.resolution)} · {lane.level}</span>
              <div class="track">
                {lane.segments.map((segment) => (
                  <button type="button" key={segment.ulid} class={`segment ${segment.state} ${segment.place} ${segment.resolution ? "coarse" : ""} level-${Math.min(segment.level, 3)}`}
                    style={{ left: at(segment.minTime), width: `max(4px, calc(${((segment.maxTime - segment.minTime) / (to - from)) * 100}% - 1px))` }}
                    title={`${shortTime(segment.minTime * 1000)} to ${shortTime(segment.maxTime * 1000)}, ${bytes(segment.bytes)}`}
                    aria-label={`Segment ${segment.ulid}, ${showTime(segment.minTime * 1000)} to ${showTime(segment.maxTime * 1000)}`} onClick={() => onOpen(segment)} />
                ))}
              </div>
            </div>
          ))}
        </div>
      ))}
      <p class="ends quiet small"><span>{shortTime(from * 1000)}</span><span>{showDuration(Math.round((to - from) / 60) * 60_000)}</span><span>{shortTime(to * 1000)}</span></p>
      <figcaption class="keys quiet small">
        <span><i class="segment level-0" />level 0</span><span><i class="segment level-1" />1</span><span><i class="segment level-2" />2 and more</span>
        <span><i class="segment coarse level-2" />downsampled</span><span><i class="segment bucket level-1" />bucket only</span><span><i class="segment set_aside" />damaged or set aside</span>
      </figcaption>
    </figure>
  );
}

function nextText({ next, state, reason }: Segment): string {
  if (state === "set_aside") return reason ?? "set aside";
  if (!next) return "stays";
  const when = next.due === null ? "" : next.due * 1000 <= Date.now() ? ", due" : `, ${shortTime(next.due * 1000)}`;
  return `${next.action}${next.level ? ` to level ${next.level}` : ""}${when}`;
}

const perSample = (segment: Segment) => (segment.samples ? segment.bytes / segment.samples : 0);

function Table({ segments, onOpen }: { segments: readonly Segment[]; onOpen: (segment: Segment) => void }) {
  return (
    <Grid label="All segments" rows={segments} columns={[
      { label: "From", width: "minmax(158px, 1fr)", by: (row) => row.minTime, show: (row) => <button type="button" class="opener" onClick={() => onOpen(row)}>{showTime(Math.floor(row.minTime) * 1000)}</button> },
      { label: "Length", width: "92px", isNumber: true, by: (row) => row.maxTime - row.minTime, show: (row) => aboutDuration(row.maxTime - row.minTime) },
      { label: "Level", width: "54px", isNumber: true, by: (row) => row.level, show: (row) => row.level },
      { label: "Resolution", width: "80px", by: (row) => row.resolution, show: (row) => resolutionName(row.resolution) },
      { label: "Samples", width: "96px", isNumber: true, by: (row) => row.samples, show: (row) => count(row.samples) },
      { label: "Series", width: "76px", isNumber: true, by: (row) => row.series, show: (row) => count(row.series) },
      { label: "Size", width: "76px", isNumber: true, by: (row) => row.bytes, show: (row) => bytes(row.bytes) },
      { label: "Bytes each", width: "82px", isNumber: true, by: perSample, show: (row) => perSample(row).toFixed(2) },
      { label: "Place", width: "60px", by: (row) => row.place, show: (row) => row.place },
      { label: "Next", width: "minmax(180px, 1.2fr)", by: (row) => row.next?.due ?? 0, show: nextText },
    ]} />
  );
}

function SegmentDetail({ segment, onClose }: { segment: Segment; onClose: () => void }) {
  const seconds = (value: number | null) => (value === null ? "–" : showTime(value * 1000));
  const rows: [string, string][] = [
    ["From", seconds(segment.minTime)],
    ["To", seconds(segment.maxTime)],
    ["Level", String(segment.level)],
    ["Resolution", resolutionName(segment.resolution)],
    ["Samples", count(segment.samples)],
    ["Histograms", count(segment.histograms)],
    ["Exemplars", count(segment.exemplars)],
    ["Series", count(segment.series)],
    ["Size", `${bytes(segment.bytes)}, ${perSample(segment).toFixed(2)} bytes a sample`],
    ["Made", seconds(segment.created)],
    ["Where", segment.place === "disk" ? "on this disk" : "in the bucket only"],
    ["State", segment.state.replaceAll("_", " ")],
    ["Next", nextText(segment)],
  ];
  if (segment.lateSince !== null) rows.push(["May lack what came since", seconds(segment.lateSince)]);
  return (
    <Detail title={segment.ulid} onClose={onClose}>
      <dl class="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </Detail>
  );
}
