/** Alerts: what alerting rules have found, since when, and who is told. */

import { useState } from "preact/hooks";
import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Detail } from "../parts/detail";
import { Choice } from "../parts/facts";
import { Empty, Loading, Problem } from "../parts/notices";
import { Virtual } from "../parts/virtual";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { showDuration } from "../words/durations";
import { shown, visible } from "../words/labels";
import { plural } from "../words/numbers";
import { ago, showTime } from "../words/times";
import { AlertRow, LabelPairs } from "./alert_parts";
import { matches, raised, timeOf, type Group, type Raised } from "./rule_groups";

interface Managers {
  activeAlertmanagers: { url: string }[];
  droppedAlertmanagers: { url: string }[];
}

const EVERY_MS = 10_000;
const STATES: [string, string][] = [["", "All"], ["firing", "Firing"], ["pending", "Pending"]];
const ROW_HEIGHT = 72;

export function AlertsPage() {
  const asked = useAnswer("alerts", load, EVERY_MS);
  const state = param("state");
  const find = param("find");
  const [open, setOpen] = useState<Raised | null>(null);
  const wanted = ({ alert }: Raised) => (!state || alert.state === state) && matches(`${shown(alert.labels)} ${Object.values(alert.annotations).join(" ")}`, find);
  const all = asked.value?.alerts ?? [];
  const alerts = all.filter(wanted);
  return (
    <>
      <Head title="Alerts" tools={(
        <>
          <input class="field" type="search" aria-label="Find an alert" placeholder="Find an alert" value={find} onInput={(event) => setParam("find", event.currentTarget.value)} />
          <Choice label="State" value={state} choices={STATES} onSet={(value) => setParam("state", value, true)} />
        </>
      )}>
        What alerting rules have found, and since when.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && !alerts.length && (
        <div class="card">
          <Empty title={find ? "No alert with these words" : state ? `No ${state} alerts` : "No alerts"}>
            <p>{all.length ? `There are ${all.length} others.` : `None of ${plural(asked.value.rules, "alerting rule")} has found anything.`} <a href={hrefOf("rules")}>The rules</a></p>
          </Empty>
        </div>
      )}
      {alerts.length > 0 && (
        <div class="card rules">
          <Virtual count={alerts.length} rowHeight={ROW_HEIGHT} maxHeight={ROW_HEIGHT * 12} label="Alerts" row={(index) => <AlertRow alert={alerts[index].alert} onOpen={() => setOpen(alerts[index])} key={index} />} />
        </div>
      )}
      {asked.value?.managers && <Notified managers={asked.value.managers} />}
      {open && <AlertDetail {...open} onClose={() => setOpen(null)} />}
    </>
  );
}

async function load(signal: AbortSignal) {
  const [groups, managers] = await Promise.all([
    ask<{ groups: Group[] }>("rules", { type: "alert" }, { signal }).then((a) => a.data.groups),
    ask<Managers>("alertmanagers", {}, { signal }).then((a) => a.data, () => null),
  ]);
  return { alerts: raised(groups), rules: groups.reduce((sum, group) => sum + group.rules.length, 0), managers };
}

function Notified({ managers }: { managers: Managers }) {
  const { activeAlertmanagers: active, droppedAlertmanagers: dropped } = managers;
  return (
    <p class="note">
      {active.length ? <>Sent to {active.map(({ url }) => <code key={url} class="listed"><bdi>{visible(url)}</bdi></code>)}</> : "No Alertmanager is told of them."}
      {dropped.length > 0 && ` ${plural(dropped.length, "more was", "more were")} dropped by relabelling.`}
    </p>
  );
}

function AlertDetail({ alert, rule, group, onClose }: Raised & { onClose: () => void }) {
  const since = timeOf(alert.activeAt);
  const kept = timeOf(alert.keepFiringSince);
  const rows: [string, string][] = [
    ["State", alert.state],
    ["Active since", since === null ? "–" : `${showTime(since)}, ${ago(since)}`],
    ["Fires after", rule.duration ? showDuration(rule.duration * 1000) : "at once"],
    ["Value", alert.value],
    ["Group", group.name],
    ["File", group.file],
  ];
  if (kept !== null) rows.push(["No longer true since", showTime(kept)]);
  return (
    <Detail title={visible(alert.labels.alertname ?? rule.name, 200)} onClose={onClose}>
      <a class="expr" href={hrefOf("ask", { "g0.expr": rule.query, "g0.tab": "graph" })}><code>{visible(rule.query, 8000)}</code></a>
      <dl class="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{visible(value, 1000)}</bdi></dd></div>)}</dl>
      <LabelPairs title="Labels" labels={alert.labels} />
      <LabelPairs title="Annotations" labels={alert.annotations} />
    </Detail>
  );
}
