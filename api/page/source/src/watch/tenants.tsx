/** Who sends: series, rate, and how near each tenant is to its limits. */

import { hrefOf } from "../app/route";
import { Head } from "../app/shell";
import { Bar } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Empty, Loading, Notices, Problem } from "../parts/notices";
import { ask, askText } from "../server/client";
import { useAnswer } from "../server/use_answer";
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
/** Each is two requests. */
const ASKED_MAX = 100;

export function TenantsPage() {
  const asked = useAnswer("tenants", load, EVERY_MS * 3);
  const metrics = useAnswer("ingested", ingested, EVERY_MS);
  const rates = useRates(metrics.value);
  return (
    <>
      <Head title="Tenants">Who has sent, how much, and how near the limits of each are.</Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && asked.value.total > ASKED_MAX && <Notices warnings={[`The first ${ASKED_MAX} of ${asked.value.total} tenants are looked at.`]} infos={[]} />}
      {asked.value && (asked.value.rows.length ? <Table rows={asked.value.rows} rates={rates} /> : (
        <Empty title="No tenant yet"><p>Tenants need no set-up: the first write in the name of one makes it. <a href={hrefOf("ask")}>How to send</a></p></Empty>
      ))}
    </>
  );
}

async function load(signal: AbortSignal): Promise<{ rows: Row[]; total: number }> {
  const { tenants } = (await ask<{ tenants: string[] }>("status/tenants", {}, { signal })).data;
  const rows = await Promise.all(tenants.slice(0, ASKED_MAX).map(async (name): Promise<Row> => {
    const [stats, limits] = await Promise.all([
      ask<{ numSeries: number; ingestionRate?: number }>("user_stats", {}, { signal, tenant: name }).then((a) => a.data, () => null),
      ask<Limits>("user_limits", {}, { signal, tenant: name }).then((a) => a.data, () => ({})),
    ]);
    return { name, series: stats?.numSeries ?? null, statedRate: stats?.ingestionRate ?? 0, limits };
  }));
  return { rows, total: tenants.length };
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
      { label: "Tenant", width: "minmax(150px, 1.4fr)", by: (row) => row.name, show: (row) => <a href={`${hrefOf("ask").split("?")[0]}?tenant=${encodeURIComponent(row.name)}`}><bdi>{row.name}</bdi></a> },
      { label: "Series", width: "110px", isNumber: true, by: (row) => row.series ?? -1, show: (row) => (row.series === null ? "–" : count(row.series)) },
      { label: "Of its limit on series", width: "minmax(190px, 1fr)", show: (row) => <span class="near">{near(row.series, row.limits.max_global_series_per_user, "series")}</span> },
      { label: "Samples/s", width: "110px", isNumber: true, by: (row) => rateOf(row) ?? -1, show: (row) => (rateOf(row) === null ? "–" : short(rateOf(row)!)) },
      { label: "Of its limit on samples", width: "minmax(190px, 1fr)", show: (row) => <span class="near">{near(rateOf(row), row.limits.ingestion_rate, "samples a second")}</span> },
      { label: "Kept for", width: "90px", show: (row) => keptFor(row.limits.compactor_blocks_retention_period) },
    ]} />
  );
}
