/** Rules: what is computed again and again, how that went, and what it takes. */

import { useState } from "preact/hooks";
import { hrefOf, param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Choice, Facts } from "../parts/facts";
import { Detail } from "../parts/detail";
import { Empty, Loading, Problem } from "../parts/notices";
import { Virtual } from "../parts/virtual";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration, showDuration } from "../words/durations";
import { visible } from "../words/labels";
import { count, plural } from "../words/numbers";
import { ago, showTime } from "../words/times";
import { AlertRow, LabelPairs } from "./alert_parts";
import { lampOf, matches, stateOf, timeOf, type Group, type Rule } from "./rule_groups";

const EVERY_MS = 10_000;
const ROW_HEIGHT = 64;
const STATES: [string, string][] = [["", "All"], ["firing", "Firing"], ["pending", "Pending"], ["failing", "Failing"]];

export function RulesPage() {
  const asked = useAnswer("rules", async (signal) => (await ask<{ groups: Group[] }>("rules", {}, { signal })).data.groups, EVERY_MS);
  const find = param("find");
  const state = param("state");
  const [open, setOpen] = useState<{ group: Group; rule: Rule } | null>(null);
  const wanted = (rule: Rule) => (!state || stateOf(rule) === state) && matches(`${rule.name} ${rule.query}`, find);
  const groups = (asked.value ?? []).map((group) => ({ group, rules: group.rules.filter(wanted) })).filter(({ rules }) => rules.length);
  const isChosen = find !== "" || state !== "";
  return (
    <>
      <Head title="Rules" tools={(
        <>
          <input class="field" type="search" aria-label="Find a rule" placeholder="Find a rule" value={find} onInput={(event) => setParam("find", event.currentTarget.value)} />
          <Choice label="State" value={state} choices={STATES} onSet={(value) => setParam("state", value, true)} />
        </>
      )}>
        What is computed again and again: recording rules write series, alerting rules watch over them.
      </Head>
      {asked.error && <Problem error={asked.error} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && !groups.length && (
        <div class="card"><Empty title={isChosen ? "No such rule" : "No rules"}><p>{isChosen ? "Other words or another state may find one." : "This server evaluates no rules for this tenant."}</p></Empty></div>
      )}
      {groups.map(({ group, rules }) => <GroupCard key={JSON.stringify([group.tenant, group.file, group.name])} group={group} rules={rules} onOpen={(rule) => setOpen({ group, rule })} />)}
      {open && <RuleDetail {...open} onClose={() => setOpen(null)} />}
    </>
  );
}

function GroupCard({ group, rules, onOpen }: { group: Group; rules: readonly Rule[]; onOpen: (rule: Rule) => void }) {
  const last = timeOf(group.lastEvaluation);
  const facts = [
    group.interval ? `every ${showDuration(group.interval * 1000)}` : "",
    last === null ? "not yet evaluated" : `evaluated ${ago(last)}`,
    group.evaluationTime ? `in ${aboutDuration(group.evaluationTime)}` : "",
    group.missedEvaluations ? `${count(group.missedEvaluations)} missed` : "",
  ].filter(Boolean).join(", ");
  return (
    <section class="card rules" aria-label={`Group ${visible(group.name, 80)}`}>
      <header>
        <h2 class="clip"><bdi>{visible(group.name)}</bdi></h2>
        <span class="quiet small clip"><bdi>{visible(group.tenant ? `${group.tenant}: ${group.file}` : group.file)}</bdi></span>
        <span class="quiet small number">{facts}</span>
      </header>
      <Virtual count={rules.length} rowHeight={ROW_HEIGHT} maxHeight={ROW_HEIGHT * 12} label={`Rules of ${visible(group.name, 80)}`} row={(index) => <RuleRow rule={rules[index]} onOpen={onOpen} key={index} />} />
    </section>
  );
}

function RuleRow({ rule, onOpen }: { rule: Rule; onOpen: (rule: Rule) => void }) {
  const state = stateOf(rule);
  const last = timeOf(rule.lastEvaluation);
  return (
    <div class="rule" role="listitem">
      <i class={`lamp ${lampOf(state)}`} />
      <div>
        <p class="clip">
          <button type="button" class="named" onClick={() => onOpen(rule)}><bdi>{visible(rule.name)}</bdi></button>
          <span class="quiet small">{rule.type}, {state}{rule.alerts?.length ? `, ${plural(rule.alerts.length, "alert")}` : ""}</span>
        </p>
        <p class="clip"><a href={hrefOf("ask", { "g0.expr": rule.query, "g0.tab": "graph" })}><code>{visible(rule.query)}</code></a></p>
        {rule.lastError && <p class="bad-text small clip"><bdi>{visible(rule.lastError)}</bdi></p>}
      </div>
      <span class="quiet small number">{last === null ? "not yet" : ago(last)}{rule.evaluationTime ? <><br />{aboutDuration(rule.evaluationTime)}</> : ""}</span>
    </div>
  );
}

function RuleDetail({ group, rule, onClose }: { group: Group; rule: Rule; onClose: () => void }) {
  const last = timeOf(rule.lastEvaluation);
  const rows: [string, string][] = [
    ["Kind", rule.type],
    ["State", stateOf(rule)],
    ["Group", group.name],
    ["File", group.file],
    ["Evaluated", last === null ? "not yet" : `${showTime(last)}, ${ago(last)}`],
  ];
  if (rule.duration) rows.push(["Fires after", showDuration(rule.duration * 1000)]);
  if (rule.keepFiringFor) rows.push(["Fires on for", showDuration(rule.keepFiringFor * 1000)]);
  if (group.queryOffset) rows.push(["Looks back by", showDuration(group.queryOffset * 1000)]);
  if (group.sourceTenants?.length) rows.push(["Asks tenants", group.sourceTenants.join(", ")]);
  return (
    <Detail title={visible(rule.name, 200)} onClose={onClose}>
      <a class="expr" href={hrefOf("ask", { "g0.expr": rule.query, "g0.tab": "graph" })}><code>{visible(rule.query, 8000)}</code></a>
      {rule.lastError && <p class="message bad-text">{visible(rule.lastError, 4000)}</p>}
      <Facts facts={[
        ["Took", rule.evaluationTime ? aboutDuration(rule.evaluationTime) : "–"],
        ["Series read", count(rule.seriesRead ?? NaN)],
        ["Samples read", count(rule.samplesRead ?? NaN)],
      ]} />
      <dl class="pairs">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{visible(value, 1000)}</bdi></dd></div>)}</dl>
      <LabelPairs title="Labels" labels={rule.labels} />
      <LabelPairs title="Annotations" labels={rule.annotations} />
      {!!rule.alerts?.length && (
        <>
          <h3>{plural(rule.alerts.length, "alert")}</h3>
          <Virtual count={rule.alerts.length} rowHeight={72} maxHeight={72 * 6} label="Alerts of this rule" row={(index) => <AlertRow alert={rule.alerts![index]} key={index} />} />
        </>
      )}
    </Detail>
  );
}
