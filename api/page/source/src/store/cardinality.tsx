/** How many series there are, of what, what they take, and what came and went between two times. */

import { useEffect, useState } from "preact/hooks";
import { param, setParam, setParams } from "../app/route";
import { Head } from "../app/shell";
import { Choice, Facts } from "../parts/facts";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { parseDuration } from "../words/durations";
import { quote, selector } from "../words/labels";
import { bytes, count, short } from "../words/numbers";
import { parseTime, showTime, zone, zoneName } from "../words/times";
import { Changes } from "./changes";
import { pairOf, type Counts } from "./counts";
import { Tops } from "./tops";
import { Uses } from "./uses";

const RANGES: [string, string][] = [["1h", "Hour"], ["1d", "Day"], ["1w", "Week"], ["30d", "30 days"]];
const BEFORE: [string, string][] = [["", "Nothing"], ["1h", "An hour before"], ["1d", "A day before"], ["1w", "A week before"], ["30d", "30 days before"]];

export function CardinalityPage() {
  const range = param("range") || "1h";
  const before = param("before");
  const match = param("match");
  const by = param("by") || "__name__";
  const end = param("end");
  const key = JSON.stringify([range, before, match, by, end]);
  const asked = useAnswer(key, async (signal) => (await ask<Counts>("status/cardinality", params({ range, before, match, by, end }), { signal, method: "POST" })).data);
  const endMs = end === "" ? null : Number(end) * 1000;
  return (
    <>
      <Head title="Cardinality" tools={<Choice label="Range" value={range} choices={RANGES} onSet={(value) => setParam("range", value, true)} />}>
        Series with a sample in the range, each replica's own, and what they take.
      </Head>
      <div class="filters">
        <Filter value={match} label="Only series of" hint='all, or a selector such as {job="web"}' onSet={(text) => setParam("match", text, true)} />
        <Filter value={endMs === null ? "" : showTime(endMs)} label={`Until (${zoneName()})`} hint="now, now-1d or a time" onSet={(text) => setParam("end", endText(text), true)} />
        <label class="labelled">Compare with
          <select class="select" value={before} onChange={(event) => setParam("before", event.currentTarget.value, true)}>
            {BEFORE.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
            {!BEFORE.some(([value]) => value === before) && <option value={before}>{before} before</option>}
          </select>
        </label>
        {before && <Filter value={by} label="By label" hint="__name__" onSet={(text) => setParam("by", text, true)} />}
      </div>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading label="Counting" />}
      {asked.value && (asked.value.series || asked.value.compared?.series ? <Shown counts={asked.value} /> : <div class="card"><Empty title="No series"><p>Nothing has a sample in this range.</p></Empty></div>)}
    </>
  );
}

/** Seconds of what was typed as the end; empty for now, and for what is no time. */
function endText(text: string): string {
  if (text === "" || text === "now") return "";
  const ms = parseTime(text, parseDuration);
  return ms === null ? "" : String(Math.floor(ms / 1000));
}

function params({ range, before, match, by, end }: { range: string; before: string; match: string; by: string; end: string }) {
  const until = Number(end) || Math.floor(Date.now() / 1000);
  const length = (parseDuration(range) ?? 3_600_000) / 1000;
  const gap = (parseDuration(before) ?? 0) / 1000;
  const compare = gap ? { compare_start: until - gap - length, compare_end: until - gap } : {};
  return { start: until - length, end: until, limit: 20, by, "match[]": match || undefined, ...compare };
}

function Filter({ value, label, hint, onSet }: { value: string; label: string; hint: string; onSet: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value, zone.value]);
  const confirm = () => {
    if (text.trim() === value) return;
    setText(value);
    onSet(text.trim());
  };
  return (
    <label class="labelled">{label}
      <input class="field" value={text} placeholder={hint} onInput={(event) => setText(event.currentTarget.value)}
        onBlur={confirm} onKeyDown={(event) => event.key === "Enter" && confirm()} />
    </label>
  );
}

function Shown({ counts }: { counts: Counts }) {
  const { compared, usage } = counts;
  const was = (text: string | undefined) => (compared && text !== undefined ? `${text} before` : undefined);
  const facts: [string, string, string?][] = [["Series", count(counts.series), compared && `${count(compared.series)} before`]];
  if (compared) facts.push(["New, gone", `${count(compared.new)}, ${count(compared.gone)}`, "since the range before"]);
  if (usage) {
    const old = compared?.usage;
    facts.push(
      ["Samples", short(usage.samples), was(old && short(old.samples))],
      ["In segments", bytes(usage.bytes), was(old && bytes(old.bytes)) ?? "those in memory take none"],
      ["Began", count(usage.began), was(old && count(old.began)) ?? "in the range"],
      ["Ended", count(usage.ended), was(old && count(old.ended)) ?? "in the range"],
    );
  }
  const only = (text: string) => setParam("match", text, true);
  return (
    <>
      <Facts facts={facts} />
      {compared && <Changes changes={compared.changes} samples={compared.sampleChanges ?? []} by={compared.by} />}
      <div class="columns three">
        <Tops title="Metrics by number of series" rows={counts.seriesCountByMetricName} total={counts.series} onPick={(name) => only(selector({ __name__: name }))} />
        <Tops title="Labels by number of values" rows={counts.labelValueCountByLabelName} total={0} onPick={(name) => setParams({ by: name, before: param("before") || "1h" }, true)} pickTitle="Compare by this label" />
        <Tops title="Pairs by number of series" rows={counts.seriesCountByLabelValuePair} total={counts.series} onPick={(pair) => {
          const [name, value] = pairOf(pair);
          only(`{${/^[a-zA-Z_]\w*$/.test(name) ? name : quote(name)}=${quote(value)}}`);
        }} />
      </div>
      {usage && <Uses usage={usage} onPick={only} />}
    </>
  );
}
