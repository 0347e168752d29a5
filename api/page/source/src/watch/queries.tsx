/** Requests that are being computed, with a button that ends one, and those that took long. */

import { useState } from "preact/hooks";
import { hrefOf } from "../app/route";
import { Head } from "../app/shell";
import { Grid, type Column } from "../parts/grid";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask, messageOf, Refusal } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration } from "../words/durations";
import { visible } from "../words/labels";
import { bytes, count } from "../words/numbers";
import { ago } from "../words/times";

interface Request {
  id: string;
  endpoint: string;
  tenants: string[];
  query: string;
  origin: { dashboard?: string; panel?: string; user?: string; agent?: string };
  started: number;
  seconds: number;
  peakSamples: number;
  bytes: number;
  error: string;
}

const EVERY_MS = 2_000;

export function QueriesPage() {
  const asked = useAnswer("queries", async (signal) => {
    const get = async (path: string) => (await ask<{ queries: Request[] }>(path, { limit: 500 }, { signal })).data.queries;
    const [active, slow] = await Promise.all([get("status/active_queries"), get("status/slow_queries")]);
    return { active, slow };
  }, EVERY_MS);
  const [refused, setRefused] = useState("");
  const onEnded = (text: string) => {
    setRefused(text);
    asked.again();
  };
  return (
    <>
      <Head title="Running queries">What is being computed for this tenant now. Small queries that are known to be quick are not listed.</Head>
      {asked.error && <Problem error={asked.error} />}
      {refused && <Problem error={new Error(refused)} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && (
        <>
          {asked.value.active.length ? <List label="Running" rows={asked.value.active} onEnded={onEnded} /> : <div class="card"><Empty title="Nothing is running" /></div>}
          <h2 class="section">Slow ones of late</h2>
          {asked.value.slow.length ? <List label="Slow" rows={asked.value.slow} /> : <div class="card"><Empty title="None was slow"><p>Requests that take <code>api.slow-query-threshold</code> or longer are listed here.</p></Empty></div>}
        </>
      )}
    </>
  );
}

function List({ label, rows, onEnded }: { label: string; rows: Request[]; onEnded?: (refused: string) => void }) {
  const columns: Column<Request>[] = [
    { label: "Query", width: "minmax(280px, 3fr)", show: (row) => <a href={hrefOf("ask", { "g0.expr": row.query, "g0.tab": "table" })}><code>{visible(row.query) || row.endpoint}</code></a> },
    { label: "Endpoint", width: "120px", by: (row) => row.endpoint, show: (row) => row.endpoint },
    { label: "Time", width: "90px", isNumber: true, by: (row) => row.seconds, show: (row) => aboutDuration(row.seconds) },
    { label: "Most samples", width: "120px", isNumber: true, by: (row) => row.peakSamples, show: (row) => count(row.peakSamples) },
    { label: "Sent", width: "90px", isNumber: true, by: (row) => row.bytes, show: (row) => bytes(row.bytes) },
    { label: "From", width: "minmax(140px, 1fr)", by: fromOf, show: (row) => <bdi>{visible(fromOf(row), 100)}</bdi> },
    onEnded
      ? { label: "End it", width: "84px", show: (row) => <End key={row.id} id={row.id} query={row.query} onEnded={onEnded} /> }
      : { label: "Begun", width: "110px", isNumber: true, by: (row) => row.started, show: (row) => <span title={row.error}>{ago(row.started * 1000)}</span> },
  ];
  return <Grid label={label} rows={rows} columns={columns} rowHeight={40} />;
}

function fromOf({ origin }: Request): string {
  return [origin.dashboard && `dashboard ${origin.dashboard}`, origin.panel && `panel ${origin.panel}`, origin.user, origin.agent].filter(Boolean).join(", ") || "–";
}

function End({ id, query, onEnded }: { id: string; query: string; onEnded: (refused: string) => void }) {
  const [isEnding, setEnding] = useState(false);
  const end = async () => {
    setEnding(true);
    try {
      await ask(`status/active_queries/${encodeURIComponent(id)}`, {}, { method: "DELETE" });
      onEnded("");
    } catch (error) {
      setEnding(false);
      // One that has come to its end by itself is not to be found any more.
      onEnded(error instanceof Refusal && error.status === 404 ? "" : `The query was not ended: ${messageOf(error)}`);
    }
  };
  return <button type="button" class="button danger" disabled={isEnding} aria-label={`End ${visible(query, 80)}`} onClick={() => void end()}>{isEnding ? "Ending" : "End"}</button>;
}
