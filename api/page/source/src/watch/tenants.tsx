/** Who sends: series, rate, and how near each tenant is to its limits. */

import { useEffect } from "preact/hooks";
import { Icon } from "../app/icons";
import { hrefOf, param, setParam, setParams } from "../app/route";
import { Head } from "../app/shell";
import { Bar } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask, askText } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { visible } from "../words/labels";
import { count, percent, short } from "../words/numbers";
import { family, type Sample } from "./exposition";
import { useRates } from "./rates";

interface Limits {
  max_global_series_per_user?: number;
  ingestion_rate?: number;
  compactor_blocks_retention_period?: string | number;
}
interface Row {
  name: string;
  series: number | null;
  statedRate: number;
  limits: Limits;
}

const EVERY_MS = 5_000;
/** Each of them is two requests. */
export const ON_A_PAGE = 50;

export function TenantsPage() {
  const names = useAnswer("tenants", async (signal) => (await ask<{ tenants: string[] }>("status/tenants", {}, { signal })).data.tenants, EVERY_MS * 6);
  const find = param("find");
  const found = (names.value ?? []).filter((name) => name.toLowerCase().includes(find.trim().toLowerCase()));
  const pages = Math.max(1, Math.ceil(found.length / ON_A_PAGE));
  const at = Math.min(pages, Math.max(1, Number(param("part")) || 1));
  const part = found.slice((at - 1) * ON_A_PAGE, at * ON_A_PAGE);
  useEffect(() => {
    if (names.value && param("part") && String(at) !== param("part")) setParam("part", at > 1 ? String(at) : "");
  }, [names.value, at]);
  return (
    <>
      <Head title="Tenants" tools={names.value && names.value.length > 5 && (
        <input class="field" type="search" aria-label="Find a tenant" placeholder="Find a tenant" value={find}
          onInput={(event) => setParams({ part: "", find: event.currentTarget.value })} />
      )}>
        Who has sent, how much, and how near the limits of each are.
      </Head>
      {names.error && <Problem error={names.error} />}
      {!names.value && !names.error && <Loading />}
      {names.value && (part.length ? <Part names={part} /> : (
        <div class="card">
          {find ? <Empty title="No tenant with these letters" /> : (
            <Empty title="No tenant yet"><p>Tenants need no set-up: the first write in the name of one makes it. <a href={hrefOf("ask")}>How to send</a></p></Empty>
          )}
        </div>
      ))}
      {pages > 1 && (
        <nav class="parts" aria-label="Parts of the list">
          <button type="button" class="button icon" aria-label="Earlier names" disabled={at === 1} onClick={() => setParam("part", at > 2 ? String(at - 1) : "", true)}><Icon name="left" /></button>
          <span role="status">{count((at - 1) * ON_A_PAGE + 1)} to {count((at - 1) * ON_A_PAGE + part.length)} of {count(found.length)}</span>
          <button type="button" class="button icon" aria-label="Later names" disabled={at === pages} onClick={() => setParam("part", String(at + 1), true)}><Icon name="right" /></button>
        </nav>
      )}
    </>
  );
}

/** Those of a part of the list. */
function Part({ names }: { names: readonly string[] }) {
  const asked = useAnswer(names.join("\n"), (signal) => Promise.all(names.map((name) => rowOf(name, signal))), EVERY_MS * 3);
  const metrics = useAnswer("ingested", ingested, EVERY_MS);
  const rates = useRates(metrics.value);
  if (asked.error) return <Problem error={asked.error} />;
  return asked.value ? <Table rows={asked.value} rates={rates} /> : <Loading />;
}

async function rowOf(name: string, signal: AbortSignal): Promise<Row> {
  const [stats, limits] = await Promise.all([
    ask<{ numSeries: number; ingestionRate?: number }>("user_stats", {}, { signal, tenant: name }).then((a) => a.data, () => null),
    ask<Limits>("user_limits", {}, { signal, tenant: name }).then((a) => a.data, () => ({})),
  ]);
  return { name, series: stats?.numSeries ?? null, statedRate: stats?.ingestionRate ?? 0, limits };
}

/** Samples accepted so far, by tenant; nothing for who may not see the program's metrics. */
async function ingested(signal: AbortSignal): Promise<{ at: number; samples: Sample[] }> {
  const text = await askText("metrics", { signal }).catch(() => "");
  return { at: performance.now(), samples: family(text, "cupola_ingested_samples_total") };
}

/** A retention of 0 is none. */
function keptFor(period: string | number | undefined): string {
  if (period === undefined) return "–";
  return period === 0 || period === "0" || period === "0s" || period === "" ? "ever" : String(period);
}

function Table({ rows, rates }: { rows: Row[]; rates: ReadonlyMap<string, number> }) {
  const rateOf = (row: Row) => rates.get(row.name) ?? (row.statedRate || null);
  const near = (value: number | null, limit: number | undefined, what: string) =>
    limit && value !== null ? <><Bar share={value / limit} label={`${percent(value / limit)} of the limit of ${what}`} /><span class="quiet small">{percent(value / limit)} of {short(limit)}</span></> : <span class="quiet small">no limit</span>;
  return (
    <Grid label="Tenants" rows={rows} rowHeight={44} columns={[
      { label: "Tenant", width: "minmax(150px, 1.4fr)", by: (row) => row.name, show: (row) => <a href={`${hrefOf("ask").split("?")[0]}?tenant=${encodeURIComponent(row.name)}`}><bdi>{visible(row.name)}</bdi></a> },
      { label: "Series", width: "110px", isNumber: true, by: (row) => row.series ?? -1, show: (row) => (row.series === null ? "–" : count(row.series)) },
      { label: "Of its limit on series", width: "minmax(190px, 1fr)", show: (row) => <span class="near">{near(row.series, row.limits.max_global_series_per_user, "series")}</span> },
      { label: "Samples/s", width: "110px", isNumber: true, by: (row) => rateOf(row) ?? -1, show: (row) => (rateOf(row) === null ? "–" : short(rateOf(row)!)) },
      { label: "Of its limit on samples", width: "minmax(190px, 1fr)", show: (row) => <span class="near">{near(rateOf(row), row.limits.ingestion_rate, "samples a second")}</span> },
      { label: "Kept for", width: "90px", show: (row) => keptFor(row.limits.compactor_blocks_retention_period) },
    ]} />
  );
}
