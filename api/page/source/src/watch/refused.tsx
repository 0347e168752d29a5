/** Samples that were refused: which series, why, from whom, and an example. */

import { useState } from "preact/hooks";
import { param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Detail } from "../parts/detail";
import { Grid } from "../parts/grid";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { shown, visible, type Labels } from "../words/labels";
import { count } from "../words/numbers";
import { ago, showTime } from "../words/times";

interface Entry {
  tenant: string;
  reason: string;
  count: number;
  firstSeen: number;
  lastSeen: number;
  message: string;
  labels: Labels | null;
  timestamp: number | null;
  value: string | null;
  sender: { address: string; userAgent: string };
}
interface Total {
  tenant: string;
  reason: string;
  count: number;
  firstSeen: number;
  lastSeen: number;
}

const EVERY_MS = 10_000;
const LIMIT = 1_000;

export function RefusedPage() {
  const reason = param("reason");
  const asked = useAnswer(reason, async (signal) => (await ask<{ rejected: Entry[]; counts: Total[] }>("status/rejected", { reason: reason || undefined, limit: LIMIT }, { signal })).data, EVERY_MS);
  const [open, setOpen] = useState<Entry | null>(null);
  return (
    <>
      <Head title="Refused samples">What senders sent and this server did not keep. The rest of each request was kept.</Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && (
        <>
          <Totals totals={asked.value.counts} chosen={reason} />
          {asked.value.rejected.length ? <Entries entries={asked.value.rejected} onOpen={setOpen} /> : (
            <div class="card"><Empty title="Nothing was refused"><p>{asked.value.counts.length ? "Of late: the counts above are since the start." : "Every sample that came since the start was kept."}</p></Empty></div>
          )}
        </>
      )}
      {open && <EntryDetail entry={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Totals({ totals, chosen }: { totals: readonly Total[]; chosen: string }) {
  if (!totals.length) return null;
  return (
    <ul class="tiles" aria-label="Refused since the start, by reason">
      {totals.map((total) => (
        <li key={total.tenant + total.reason}>
          <button type="button" class="card tile" aria-pressed={chosen === total.reason} onClick={() => setParam("reason", chosen === total.reason ? "" : total.reason, true)}>
            <strong class="big">{count(total.count)}</strong>
            <span class="mono">{total.reason}</span>
            <span class="quiet small">last {ago(total.lastSeen * 1000)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Entries({ entries, onOpen }: { entries: Entry[]; onOpen: (entry: Entry) => void }) {
  return (
    <Grid label="Refused series" rows={entries} columns={[
      { label: "Series", width: "minmax(260px, 2.4fr)", by: (row) => (row.labels ? shown(row.labels) : ""), show: (row) => (
        <button type="button" class="opener mono" onClick={() => onOpen(row)}><bdi class="clip">{row.labels ? shown(row.labels) : "a whole request"}</bdi></button>
      ) },
      { label: "Reason", width: "150px", by: (row) => row.reason, show: (row) => <span class="mono">{row.reason}</span> },
      { label: "At least", width: "90px", isNumber: true, by: (row) => row.count, show: (row) => count(row.count) },
      { label: "Last", width: "110px", isNumber: true, by: (row) => row.lastSeen, show: (row) => ago(row.lastSeen * 1000) },
      { label: "From", width: "minmax(150px, 1fr)", by: (row) => row.sender.address, show: (row) => <bdi>{visible(`${row.sender.address} ${row.sender.userAgent}`.trim(), 120) || "–"}</bdi> },
    ]} />
  );
}

function EntryDetail({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const rows: [string, string][] = [
    ["Reason", entry.reason],
    ["Tenant", entry.tenant],
    ["How often", `at least ${count(entry.count)}`],
    ["First", showTime(entry.firstSeen * 1000)],
    ["Last", showTime(entry.lastSeen * 1000)],
    ["Sample", entry.timestamp === null ? "–" : `${entry.value ?? "a histogram"} at ${showTime(entry.timestamp * 1000)}`],
    ["Sent from", entry.sender.address || "–"],
    ["By", entry.sender.userAgent || "–"],
  ];
  return (
    <Detail title="Refused" onClose={onClose}>
      <p class="message">{visible(entry.message, 4000)}</p>
      <dl class="pairs">
        {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{visible(value, 2000)}</bdi></dd></div>)}
      </dl>
      {entry.labels && (
        <>
          <h3>Labels</h3>
          <dl class="pairs">
            {Object.entries(entry.labels).map(([name, value]) => <div key={name}><dt class="mono"><bdi>{visible(name)}</bdi></dt><dd class="mono"><bdi>{visible(value, 70_000)}</bdi></dd></div>)}
          </dl>
        </>
      )}
    </Detail>
  );
}
