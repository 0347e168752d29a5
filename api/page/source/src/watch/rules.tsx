/** Rules and alerts, as the API lists them. */

import { useState } from "preact/hooks";
import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Choice } from "../parts/facts";
import { Empty, Loading, Problem } from "../parts/notices";
import { Virtual } from "../parts/virtual";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration } from "../words/durations";
import { shown, visible, type Labels } from "../words/labels";
import { plural } from "../words/numbers";
import { ago } from "../words/times";

interface Alert {
  labels: Labels;
  annotations: Labels;
  state: string;
  activeAt?: string;
  value: string;
}
interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  health?: string;
  lastError?: string;
  state?: string;
  duration?: number;
  evaluationTime?: number;
  lastEvaluation?: string;
  alerts?: Alert[];
}
interface Group {
  name: string;
  file: string;
  interval?: number;
  rules: Rule[];
}

const EVERY_MS = 10_000;

export function RulesPage() {
  const asked = useAnswer("rules", async (signal) => (await ask<{ groups: Group[] }>("rules", {}, { signal })).data.groups, EVERY_MS);
  const [find, setFind] = useState("");
  const groups = (asked.value ?? []).map((group) => ({ ...group, rules: group.rules.filter((rule) => `${rule.name} ${rule.query}`.toLowerCase().includes(find.toLowerCase())) })).filter((group) => group.rules.length);
  return (
    <>
      <Head title="Rules" tools={<input class="field" type="search" aria-label="Find a rule" placeholder="Find a rule" value={find} onInput={(event) => setFind(event.currentTarget.value)} />}>
        What is computed again and again: recording rules write series, alerting rules watch over them.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && !groups.length && (
        <div class="card"><Empty title={find ? "No rule with these words" : "No rules"}><p>{find ? "Other words may find one." : "This server evaluates no rules for this tenant."}</p></Empty></div>
      )}
      {groups.map((group) => (
        <section class="card rules" key={`${group.file} ${group.name}`}>
          <header><h2><bdi>{visible(group.name)}</bdi></h2><span class="quiet small clip">{visible(group.file)}{group.interval ? `, every ${aboutDuration(group.interval)}` : ""}</span></header>
          <Virtual count={group.rules.length} rowHeight={64} maxHeight={64 * 12} label={`Rules of ${group.name}`} row={(index) => <RuleRow rule={group.rules[index]} key={index} />} />
        </section>
      ))}
    </>
  );
}

function lampOf(state: string | undefined, health: string | undefined): string {
  if (health === "err" || state === "firing") return "bad";
  if (state === "pending") return "warn";
  return health === "ok" || state === "inactive" ? "good" : "";
}

function RuleRow({ rule }: { rule: Rule }) {
  return (
    <div class="rule" role="listitem">
      <i class={`lamp ${lampOf(rule.state, rule.health)}`} />
      <div>
        <p class="clip"><strong><bdi>{visible(rule.name)}</bdi></strong> <span class="quiet small">{rule.type}{rule.state ? `, ${rule.state}` : ""}{rule.alerts?.length ? `, ${plural(rule.alerts.length, "alert")}` : ""}</span></p>
        <p class="clip"><a href={hrefOf("ask", { "g0.expr": rule.query, "g0.tab": "table" })}><code>{visible(rule.query)}</code></a></p>
        {rule.lastError && <p class="bad-text small clip">{visible(rule.lastError)}</p>}
      </div>
      <span class="quiet small number">{rule.lastEvaluation && !rule.lastEvaluation.startsWith("0001") ? ago(Date.parse(rule.lastEvaluation)) : "not yet"}{rule.evaluationTime ? `, ${aboutDuration(rule.evaluationTime)}` : ""}</span>
    </div>
  );
}

const STATES: [string, string][] = [["", "All"], ["firing", "Firing"], ["pending", "Pending"]];

export function AlertsPage() {
  const state = param("state");
  const asked = useAnswer("alerts", async (signal) => (await ask<{ alerts: Alert[] }>("alerts", {}, { signal })).data.alerts, EVERY_MS);
  const alerts = (asked.value ?? []).filter((alert) => !state || alert.state === state);
  return (
    <>
      <Head title="Alerts" tools={<Choice label="State" value={state} choices={STATES} onSet={(value) => setParam("state", value)} />}>
        What alerting rules have found, and since when.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && !alerts.length && <div class="card"><Empty title={state ? `No ${state} alerts` : "No alerts"}><p>{asked.value.length ? "There are others." : "No rule has found anything."} <a href={hrefOf("rules")}>The rules</a></p></Empty></div>}
      {alerts.length > 0 && (
        <div class="card">
          <Virtual count={alerts.length} rowHeight={72} maxHeight={72 * 12} label="Alerts" row={(index) => <AlertRow alert={alerts[index]} key={index} />} />
        </div>
      )}
    </>
  );
}

function AlertRow({ alert }: { alert: Alert }) {
  const { alertname, ...labels } = alert.labels;
  return (
    <div class="rule" role="listitem">
      <i class={`lamp ${lampOf(alert.state, undefined)}`} />
      <div>
        <p class="clip"><strong><bdi>{visible(alertname ?? "")}</bdi></strong> <span class="quiet small">{alert.state}</span></p>
        <p class="clip"><bdi>{visible(alert.annotations.summary ?? alert.annotations.description ?? "")}</bdi></p>
        <p class="clip quiet"><bdi class="mono">{shown(labels)}</bdi></p>
      </div>
      <span class="quiet small number">{alert.activeAt ? ago(Date.parse(alert.activeAt)) : ""}<br />{alert.value}</span>
    </div>
  );
}
