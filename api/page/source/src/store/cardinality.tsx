/** How many series there are, of what, and what came and went between two times. */

import { useState } from "preact/hooks";
import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Choice, Facts } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { parseDuration } from "../words/durations";
import { quote, visible } from "../words/labels";
import { count } from "../words/numbers";
import type { Change, Counts } from "./counts";
import { Tops } from "./tops";

const RANGES: [string, string][] = [["1h", "Hour"], ["1d", "Day"], ["1w", "Week"]];
const BEFORE: [string, string][] = [["", "Nothing"], ["1h", "An hour before"], ["1d", "A day before"], ["1w", "A week before"]];

export function CardinalityPage() {
  const range = param("range") || "1h";
  const before = param("before");
  const match = param("match");
  const by = param("by") || "__name__";
  const key = JSON.stringify([range, before, match, by]);
  const asked = useAnswer(key, async (signal) => (await ask<Counts>("status/cardinality", params(range, before, match, by), { signal, method: "POST" })).data);
  return (
    <>
      <Head title="Cardinality" tools={<Choice label="Range" value={range} choices={RANGES} onSet={(value) => setParam("range", value, true)} />}>
        Series with a sample in the range, each replica's own. What has most of them is what costs most.
      </Head>
      <div class="filters">
        <Filter value={match} label="Only series of" hint='all, or a selector such as {job="web"}' onSet={(text) => setParam("match", text, true)} />
        <Filter value={by} label="Compare by label" hint="__name__" onSet={(text) => setParam("by", text, true)} />
        <label class="labelled">Compare with
          <select class="select" value={before} onChange={(event) => setParam("before", event.currentTarget.value, true)}>
            {BEFORE.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
          </select>
        </label>
      </div>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading label="Counting" />}
      {asked.value && (asked.value.series || asked.value.compared?.series ? <Shown counts={asked.value} /> : <Empty title="No series"><p>Nothing has a sample in this range.</p></Empty>)}
    </>
  );
}

function params(range: string, before: string, match: string, by: string) {
  const now = Math.floor(Date.now() / 1000);
  const length = parseDuration(range)! / 1000;
  const gap = before ? parseDuration(before)! / 1000 : 0;
  const compare = gap ? { compare_start: now - gap - length, compare_end: now - gap } : {};
  return { start: now - length, end: now, limit: 20, by, "match[]": match || undefined, ...compare };
}

function Filter({ value, label, hint, onSet }: { value: string; label: string; hint: string; onSet: (text: string) => void }) {
  const [text, setText] = useState(value);
  return (
    <label class="labelled">{label}
      <input class="field" value={text} placeholder={hint} onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => onSet(text.trim())} onKeyDown={(event) => event.key === "Enter" && onSet(text.trim())} />
    </label>
  );
}

function Shown({ counts }: { counts: Counts }) {
  const { compared } = counts;
  const only = (text: string) => setParam("match", text, true);
  return (
    <>
      <Facts facts={[
        ["Series", count(counts.series)],
        ...(compared ? ([["Before", count(compared.series)], ["New", count(compared.new)], ["Gone", count(compared.gone)]] as [string, string][]) : []),
      ]} />
      {compared && <Changes changes={compared.changes} by={compared.by} />}
      <div class="columns three">
        <Tops title="Metrics by number of series" rows={counts.seriesCountByMetricName} total={counts.series} onPick={(name) => only(`{__name__=${quote(name)}}`)} />
        <Tops title="Labels by number of values" rows={counts.labelValueCountByLabelName} total={0} />
        <Tops title="Pairs by number of series" rows={counts.seriesCountByLabelValuePair} total={counts.series} onPick={(pair) => {
          const [name, ...value] = pair.split("=");
          only(`{${/^[a-zA-Z_]\w*$/.test(name) ? name : quote(name)}=${quote(value.join("="))}}`);
        }} />
      </div>
    </>
  );
}

function Changes({ changes, by }: { changes: readonly Change[]; by: string }) {
  if (!changes.length) return <p class="note">Nothing has changed by {by}.</p>;
  return (
    <div class="section">
      <h2>What has changed, by {by}</h2>
      <Grid label="What has changed" rows={changes} columns={[
        { label: by, width: "minmax(200px, 1fr)", by: (row) => row.name, show: (row) => by === "__name__" ? <a href={hrefOf("metrics", { metric: row.name })}><bdi class="mono">{visible(row.name)}</bdi></a> : <bdi class="mono">{visible(row.name)}</bdi> },
        { label: "Before", width: "110px", isNumber: true, by: (row) => row.before, show: (row) => count(row.before) },
        { label: "After", width: "110px", isNumber: true, by: (row) => row.after, show: (row) => count(row.after) },
        { label: "Difference", width: "120px", isNumber: true, by: (row) => row.difference, show: (row) => <span class={row.difference > 0 ? "more" : row.difference < 0 ? "less" : "quiet"}>{row.difference > 0 ? "+" : ""}{count(row.difference)}</span> },
      ]} />
    </div>
  );
}
