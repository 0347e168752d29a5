/** What there is to ask for: metrics with type, help and how many series they have. */

import { useEffect, useState } from "preact/hooks";
import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Facts } from "../parts/facts";
import { Empty, Loading, Problem } from "../parts/notices";
import { Tops } from "../store/tops";
import { Virtual } from "../parts/virtual";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { metricSelector, quote, visible } from "../words/labels";
import { count, plural } from "../words/numbers";
import type { Counts } from "../store/counts";

interface About {
  type: string;
  help: string;
  unit: string;
}
const LIMIT = 2000;
const WAIT_MS = 200;

export function MetricsPage() {
  const [typed, setTyped] = useState(param("find"));
  const [find, setFind] = useState(typed);
  useEffect(() => {
    const timer = setTimeout(() => {
      setFind(typed);
      setParam("find", typed);
    }, WAIT_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const asked = useAnswer(find, (signal) => load(find, signal));
  const chosen = param("metric");
  return (
    <>
      <Head title="Metrics">What has come in during the last day: find a metric, see what it is and how many series it has.</Head>
      <div class="metrics">
        <div class="card metric-list">
          <input class="field" type="search" aria-label="Find a metric" placeholder="Find a metric" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
          {asked.error && <Problem error={asked.error} />}
          {!asked.value && !asked.error && <Loading />}
          {asked.value && (asked.value.names.length ? <List {...asked.value} chosen={chosen} /> : <Empty title="No metric" />)}
        </div>
        {chosen ? <Metric key={chosen} name={chosen} about={asked.value?.about[familyOf(chosen, asked.value.about)]?.[0]} /> : <div class="card"><Empty title="Choose a metric"><p>Its type, its labels and what may be asked of it are shown here.</p></Empty></div>}
      </div>
    </>
  );
}

async function load(find: string, signal: AbortSignal) {
  const now = Math.floor(Date.now() / 1000);
  const pattern = find.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  const match = pattern ? { "match[]": `{__name__=~${quote(`(?i).*${pattern}.*`)}}` } : {};
  const [names, about] = await Promise.all([
    ask<string[]>("label/__name__/values", { ...match, start: now - 86_400, end: now, limit: LIMIT }, { signal }),
    ask<Record<string, About[]>>("metadata", { limit_per_metric: 1, limit: 10_000 }, { signal }).then((a) => a.data, (): Record<string, About[]> => ({})),
  ]);
  return { names: names.data, about };
}

function familyOf(name: string, about: Record<string, unknown>): string {
  return name in about ? name : name.replace(/_(bucket|count|sum|total)$/, "");
}

function List({ names, about, chosen }: { names: string[]; about: Record<string, About[]>; chosen: string }) {
  return (
    <>
      <p class="quiet small">{plural(names.length, "metric")}{names.length >= LIMIT ? ", and more: type to find them" : ""}</p>
      <Virtual count={names.length} rowHeight={48} maxHeight={48 * 13} label="Metrics" row={(index) => {
        const name = names[index];
        const own = about[familyOf(name, about)]?.[0];
        return (
          <div role="listitem" key={name}>
            <button type="button" class="metric" aria-pressed={name === chosen} onClick={() => setParam("metric", name, true)}>
              <bdi class="mono clip">{visible(name)}</bdi>
              <span class="quiet small clip">{own ? `${own.type}. ${visible(own.help, 160)}` : "No description was sent"}</span>
            </button>
          </div>
        );
      }} />
    </>
  );
}

function Metric({ name, about }: { name: string; about?: About }) {
  const asked = useAnswer(name, async (signal) => {
    const now = Math.floor(Date.now() / 1000);
    return (await ask<Counts>("status/cardinality", { "match[]": `{__name__=${quote(name)}}`, start: now - 86_400, end: now, limit: 12 }, { signal })).data;
  });
  const selector = metricSelector(name);
  const isCounter = about?.type === "counter" || /_(total|count|sum|bucket)$/.test(name);
  const questions = isCounter
    ? [`rate(${selector}[5m])`, name.endsWith("_bucket") ? `histogram_quantile(0.95, sum by (le) (rate(${selector}[5m])))` : `sum(rate(${selector}[5m]))`, `topk(10, ${selector})`]
    : [selector, `avg(${selector})`, `topk(10, ${selector})`];
  return (
    <section class="card metric-about" aria-label={`Metric ${visible(name, 80)}`}>
      <h2 class="mono"><bdi>{visible(name)}</bdi></h2>
      <p>{about ? visible(about.help, 1000) || "No help was sent." : "No description was sent."}</p>
      {asked.error && <Problem error={asked.error} />}
      <Facts facts={[["Type", about?.type ?? "unknown"], ["Unit", about?.unit || "–"], ["Series, each replica's", asked.value ? count(asked.value.series) : "…"]]} />
      <h3>Ask for it</h3>
      <ul class="questions">
        {questions.map((expr) => <li key={expr}><a href={hrefOf("ask", { "g0.expr": expr, "g0.tab": "graph" })}><code>{visible(expr)}</code></a></li>)}
      </ul>
      {asked.value && (
        <div class="columns">
          <Tops title="Labels by number of values" rows={asked.value.labelValueCountByLabelName} total={asked.value.series} />
          <Tops title="Pairs by number of series" rows={asked.value.seriesCountByLabelValuePair} total={asked.value.series} />
        </div>
      )}
    </section>
  );
}
