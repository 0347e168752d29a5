/** What a newcomer finds: what is there and what may be asked of it, or how to send the first sample. */

import { useEffect } from "preact/hooks";
import { setTenant } from "../app/route";
import { Code } from "../parts/code";
import { Loading, Problem } from "../parts/notices";
import { ask, root } from "../server/client";
import { tenant } from "../server/session";
import { DEFAULT, loadTenants, tenants, tenantsError } from "../server/tenants";
import { useAnswer } from "../server/use_answer";
import type { ReplicaGroup } from "../watch/replica_groups";
import { shown } from "../words/labels";
import { count, percent } from "../words/numbers";
import { ago } from "../words/times";
import type { Panel } from "./address";
import { change, panels } from "./state";

const LOOK_AGAIN_MS = 3_000;

export function Welcome() {
  const names = tenants.value;
  const isEmpty = names !== null && names.length === 0;
  const error = tenantsError.value;
  useEffect(() => {
    if (!isEmpty && !error) return;
    const timer = setInterval(() => void loadTenants(), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [isEmpty, error === null]);
  useEffect(() => {
    // Who names no tenant has the one called default: where that has never written, another is meant.
    if (names?.length && !tenant.value && !names.includes(DEFAULT)) setTenant(names[0]);
  }, [names]);
  if (error) return <div class="welcome-problem"><Problem error={error} /></div>;
  if (names === null) return null;
  return isEmpty ? <FirstSteps /> : <WhatIsThere />;
}

function FirstSteps() {
  const url = `${location.origin}${root}/api/v1/write`;
  return (
    <section class="welcome" aria-labelledby="first-steps">
      <div class="welcome-text">
        <h2 class="display" id="first-steps">Nothing has been sent yet.</h2>
        <p>Let a Prometheus, an agent or any other sender of remote write send here. What it sends can be asked for right away.</p>
        <p class="waiting" role="status"><i />Waiting for the first sample</p>
      </div>
      <div class="welcome-code">
        <h3>prometheus.yml</h3>
        <Code text={`global:\n  external_labels:\n    cluster: edge-1\n    prometheus_replica: a   # the twin has b\n\nremote_write:\n  - url: ${url}\n    headers: {X-Scope-OrgID: ${tenant.value || DEFAULT}}`} />
        <p class="quiet small">Two replicas that scrape the same targets may both send: they are kept as they came, and what is asked is shown once.</p>
      </div>
    </section>
  );
}

function WhatIsThere() {
  const asked = useAnswer("welcome", async (signal) => {
    const [replicas, metrics] = await Promise.all([
      ask<{ groups: ReplicaGroup[] }>("status/replicas", {}, { signal }).then((a) => a.data.groups, () => []),
      ask<{ headStats: { numSeries: number }; seriesCountByMetricName: { name: string; value: number }[] }>("status/tsdb", { limit: 200 }, { signal }).then((a) => a.data),
    ]);
    return { replicas, metrics };
  });
  if (!asked.value) return asked.error ? <div class="welcome-problem"><Problem error={asked.error} /></div> : <Loading label="Looking at what is there" />;
  const { replicas, metrics } = asked.value;
  const pairs = replicas.filter((group) => group.replicas.length > 1);
  const known = new Set(metrics.seriesCountByMetricName.map((row) => row.name));
  return (
    <section class="welcome" aria-labelledby="what-is-there">
      <div class="welcome-text">
        <h2 class="display" id="what-is-there">{greeting(metrics.headStats.numSeries, pairs.length)}</h2>
        <p>{pairs.length ? "What the replicas of a pair send is stored as it came and made one when you ask." : "Type an expression above, or begin with one of these."}</p>
        <ul class="ideas">
          {ideas(known, pairs).map(([title, panel]) => (
            <li key={title}>
              <button type="button" onClick={() => change(panels.value[0].id, panel)}>
                <span>{title}</span><code class="clip">{panel.expr}</code>
              </button>
            </li>
          ))}
        </ul>
      </div>
      {pairs.length > 0 && <div class="welcome-pairs">{pairs.slice(0, 4).map((group) => <Pair key={JSON.stringify([group.tenant, group.labels])} group={group} />)}</div>}
    </section>
  );
}

function greeting(series: number, pairs: number): string {
  if (!series) return "Nothing has come in the last two hours.";
  return `${count(series)} series${pairs === 1 ? ", and a pair of replicas" : pairs ? `, and ${pairs} groups of replicas` : ""}.`;
}

function ideas(known: ReadonlySet<string>, pairs: readonly ReplicaGroup[]): [string, Partial<Panel>][] {
  const found: [string, Partial<Panel>][] = [];
  const idea = (needs: string, title: string, expr: string, more: Partial<Panel> = {}) => known.has(needs) && found.push([title, { expr, tab: "graph", rangeMs: 900_000, ...more }]);
  idea("up", "What is up", "up", { tab: "table" });
  if (pairs.length) idea("up", "Which replica each point came from", "up", { replicas: true });
  idea("node_cpu_seconds_total", "What the CPUs do", 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))', { display: "stacked" });
  idea("scrape_duration_seconds", "How long scrapes take", "scrape_duration_seconds");
  idea("http_requests_total", "Requests per second", "sum by (job) (rate(http_requests_total[5m]))");
  idea("prometheus_http_request_duration_seconds_bucket", "How long requests take", "sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[1m]))", { display: "heatmap" });
  if (!found.length && known.size) found.push(["Series by metric", { expr: 'topk(10, count by (__name__) ({__name__=~".+"}))', tab: "table" }]);
  return found.slice(0, 5);
}

function Pair({ group }: { group: ReplicaGroup }) {
  return (
    <article class="pair">
      <h3><bdi>{shown(group.labels)}</bdi></h3>
      <p class="quiet small">{count(group.series)} series, each shown once</p>
      <ul>
        {group.replicas.map((replica) => (
          <li key={JSON.stringify(replica.labels)}>
            <i class={`lamp ${replica.silent ? "bad" : "good"}`} />
            <bdi class="mono clip">{Object.values(replica.labels).join(" ")}</bdi>
            <span>{replica.silent ? "silent" : "sends"}</span>
            <span class="quiet number">{replica.lastSample === null ? "" : ago(replica.lastSample * 1000)}</span>
            <span class="quiet number">{percent(replica.share)} used</span>
          </li>
        ))}
      </ul>
    </article>
  );
}
