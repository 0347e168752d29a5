/** The tree of an expression: what each step took, and what came out of it. */

import { useState } from "preact/hooks";
import { Loading, Problem } from "../parts/notices";
import { ask, Refusal } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { aboutDuration } from "../words/durations";
import { visible } from "../words/labels";
import { count, percent, plural } from "../words/numbers";
import { branchesOf, type ParsedNode } from "./parsed";

interface Label {
  name: string;
  cardinality: number;
  values: { value: string; series: number }[];
}

export interface Step {
  type: string;
  text: string;
  seconds?: number;
  ownSeconds?: number;
  series?: number | null;
  samples?: number | null;
  samplesRead?: number;
  labels?: Label[];
  children: Step[];
}

export function Explain({ expr, time }: { expr: string; time: number }) {
  const asked = useAnswer(`${expr} ${time}`, (signal) => explain(expr, time, signal));
  if (asked.error) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  const total = asked.value.seconds ?? 0;
  return (
    <div class="tree" role="list" aria-label="Steps of the expression">
      <Branch step={asked.value} total={total} depth={0} />
      {asked.value.seconds === undefined && <p class="note">This server gives the tree, but not what its steps took.</p>}
    </div>
  );
}

async function explain(expr: string, time: number, signal: AbortSignal): Promise<Step> {
  try {
    return (await ask<Step>("query_explain", { query: expr, time }, { signal, method: "POST" })).data;
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error;
  }
  return branchesOf((await ask<ParsedNode>("parse_query", { query: expr }, { signal, method: "POST" })).data);
}

function Branch({ step, total, depth }: { step: Step; total: number; depth: number }) {
  const [isOpen, setOpen] = useState(depth < 8);
  const share = total > 0 && step.ownSeconds !== undefined ? step.ownSeconds / total : 0;
  return (
    <div class="branch" role="listitem">
      <div class="step">
        <button type="button" class="twist" aria-label={isOpen ? "Fold" : "Unfold"} aria-expanded={step.children.length ? isOpen : undefined} disabled={!step.children.length} onClick={() => setOpen(!isOpen)}>{step.children.length ? (isOpen ? "▾" : "▸") : "·"}</button>
        <div class="step-what">
          <code class="step-text">{visible(step.text, 2000)}</code>
          <p class="quiet small">
            <span>{KINDS[step.type] ?? step.type}</span>
            {typeof step.series === "number" && <span>{plural(step.series, "series", "series")}</span>}
            {!!step.samplesRead && <span>{plural(step.samplesRead, "sample")} read</span>}
          </p>
        </div>
        {step.ownSeconds !== undefined && (
          <div class="step-time" title="Of this step alone, and of its part of the whole">
            <span class="number">{aboutDuration(step.ownSeconds)}</span>
            <span class="meter"><i style={{ width: `${share * 100}%` }} /></span>
            <span class="number quiet small">{percent(share)}</span>
          </div>
        )}
      </div>
      {!!step.labels?.length && step.children.length === 0 && <Labels labels={step.labels} />}
      {isOpen && step.children.length > 0 && (
        <div class="below" role="list">{step.children.map((child, index) => <Branch key={index} step={child} total={total} depth={depth + 1} />)}</div>
      )}
    </div>
  );
}

const KINDS: Record<string, string> = {
  aggregation: "Aggregation",
  binaryExpr: "Operator",
  call: "Function",
  matrixSelector: "Ranges of series",
  subquery: "Subquery",
  numberLiteral: "Number",
  parenExpr: "Parentheses",
  stringLiteral: "Text",
  unaryExpr: "Sign",
  vectorSelector: "Series",
};

function Labels({ labels }: { labels: Label[] }) {
  return (
    <ul class="step-labels">
      {labels.map((label) => (
        <li key={label.name}>
          <bdi class="mono">{visible(label.name, 60)}</bdi>
          <span class="quiet"> {plural(label.cardinality, "value")}: {label.values.slice(0, 3).map((v) => `${visible(v.value, 40)} (${count(v.series)})`).join(", ")}{label.cardinality > 3 ? ", …" : ""}</span>
        </li>
      ))}
    </ul>
  );
}
