/** One panel: an expression, how it is shown, and what came of it. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { Icon } from "../app/icons";
import { lazy } from "../app/lazy";
import { EditorBox } from "../editor/editor";
import { problemOf } from "../editor/problems";
import { Menu } from "../parts/menu";
import { Empty, Loading, Notices, Problem } from "../parts/notices";
import type { Panel, Tab } from "./address";
import { DedupControl, DisplayControl, DrawingControls, RangeControls, ResolutionControl, TimeControl } from "./controls";
import { Explain } from "./explain";
import type { GraphProps } from "./graph";
import { hasOnlyHistograms } from "./matrix";
import { useRun } from "./run";
import { addPanel, asked, change, remember, removePanel, type Shown } from "./state";
import { StatsLine } from "./stats";
import { Table } from "./table";
import { ask } from "../server/client";

/** With what draws it, it is a third of this page. */
const Graph = lazy<GraphProps>(() => import("./graph").then((m) => m.Graph));

const TABS: [Tab, string][] = [["graph", "Graph"], ["table", "Table"], ["explain", "Explain"]];

export function PanelView({ shown, number, isOnly }: { shown: Shown; number: number; isOnly: boolean }) {
  const { id, panel } = shown;
  const [draft, setDraft] = useState(panel.expr);
  useEffect(() => setDraft(panel.expr), [panel.expr]);
  const run = useRun(panel);
  const problem = useMemo(() => (run.error ? problemOf(panel.expr, run.error.message) : null), [run.error]);
  const set = (changes: Parameters<typeof change>[1]) => change(id, changes);
  const start = () => {
    remember(draft);
    if (draft === panel.expr) run.again();
    else set({ expr: draft });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") run.cancel();
  };
  const controls = { panel, onChange: set };
  return (
    <section class="panel" aria-label={`Query ${number}`} onKeyDown={onKey}>
      <div class="ask">
        <EditorBox text={draft} label={`Expression ${number}`} hint="Type an expression, such as rate(http_requests_total[5m])" problem={problem}
          autofocus={number === 1 && !panel.expr} onRun={start} onChange={setDraft} onCancel={run.cancel} />
        <div class="ask-buttons">
          <HistoryMenu onPick={(expr) => set({ expr })} />
          {run.state === "running"
            ? <button type="button" class="button" onClick={run.cancel}><Icon name="stop" />Cancel</button>
            : <button type="button" class="button main" onClick={start}><Icon name="play" />Run</button>}
        </div>
      </div>
      {panel.expr && <div class="bar">
        <div class="choice" role="tablist" aria-label="How the result is shown">
          {TABS.map(([tab, label]) => (
            <button type="button" role="tab" key={tab} id={`tab-${id}-${tab}`} aria-selected={panel.tab === tab} aria-controls={`result-${id}`}
              tabIndex={panel.tab === tab ? 0 : -1} onKeyDown={(event) => moveTab(event, tab, (to) => set({ tab: to }))} onClick={() => set({ tab })}>{label}</button>
          ))}
        </div>
        <div class="controls">
          {panel.tab === "graph" && <RangeControls {...controls} />}
          <TimeControl {...controls} />
          {panel.tab === "graph" && <ResolutionControl {...controls} />}
          {panel.tab === "graph" && <DisplayControl {...controls} isHeat={run.outcome?.kind === "graph" && hasOnlyHistograms(run.outcome.matrix)} />}
          {panel.tab !== "explain" && <DedupControl {...controls} />}
          <PanelMenu id={id} panel={panel} isOnly={isOnly} />
        </div>
      </div>}
      {panel.showTree && panel.tab !== "explain" && run.end > 0 && !run.error && (
        <section class="outcome above" aria-label={`Tree of query ${number}`}><Explain expr={panel.expr} time={run.end} /></section>
      )}
      <div class={`outcome ${run.state === "running" ? "stale" : ""}`} id={`result-${id}`} role="tabpanel" aria-labelledby={`tab-${id}-${panel.tab}`}>
        {run.error && <Problem error={run.error} />}
        <Notices warnings={run.warnings} infos={run.infos} />
        {run.state === "running" && !run.outcome && <Loading />}
        {run.outcome?.kind === "graph" && (run.outcome.matrix.lines.length
          ? <Graph matrix={run.outcome.matrix} exemplars={run.outcome.exemplars} panel={panel}
            onSelect={(from, to) => set({ endMs: Math.ceil(to / 1000) * 1000, rangeMs: Math.max(1000, Math.ceil((to - from) / 1000) * 1000) })} />
          : <Nothing />)}
        {run.outcome?.kind === "table" && (run.outcome.data.total ? <Table data={run.outcome.data} /> : <Nothing />)}
        {run.outcome?.kind === "explain" && <Explain expr={run.outcome.expr} time={run.outcome.time} />}
        <StatsLine run={run} />
      </div>
    </section>
  );
}

function Nothing() {
  return (
    <Empty title="No series">
      <p>The expression is right, but nothing has a sample in this time. Another range or another tenant may have.</p>
    </Empty>
  );
}

function moveTab(event: KeyboardEvent, tab: Tab, onMove: (tab: Tab) => void): void {
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (!step) return;
  const at = TABS.findIndex(([name]) => name === tab);
  const [to] = TABS[(at + step + TABS.length) % TABS.length];
  onMove(to);
  const bar = (event.currentTarget as HTMLElement).parentElement!;
  requestAnimationFrame(() => bar.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
}

function HistoryMenu({ onPick }: { onPick: (expr: string) => void }) {
  return (
    <Menu label="Expressions asked before" button={<Icon name="history" />} buttonClass="button bare icon">
      {(close) => {
        const list = asked();
        if (!list.length) return <p class="quiet small">What you ask is remembered here, in this browser only.</p>;
        return (
          <ul class="picks">
            {list.map((expr) => (
              <li key={expr}><button type="button" class="mono" onClick={() => (close(), onPick(expr))}>{expr}</button></li>
            ))}
          </ul>
        );
      }}
    </Menu>
  );
}

function PanelMenu({ id, panel, isOnly }: { id: number; panel: Panel; isOnly: boolean }) {
  const { expr } = panel;
  const prettify = async () => {
    try {
      change(id, { expr: (await ask<string>("format_query", { query: expr }, { method: "POST" })).data });
    } catch {
      // What cannot be parsed is marked in the editor.
    }
  };
  return (
    <Menu label="More for this query" button={<Icon name="more" />} buttonClass="button icon">
      {(close) => {
        const item = (label: string, act: () => void, name = "") => (
          <li><button type="button" class={name} onClick={() => (close(), act())}>{label}</button></li>
        );
        return (
          <>
          {panel.tab === "graph" && <DrawingControls panel={panel} onChange={(changes) => change(id, changes)} />}
          <ul class="picks">
            {panel.tab !== "explain" && item(panel.showTree ? "Hide the tree" : "Show the tree", () => change(id, { showTree: !panel.showTree }))}
            {item("Format expression", () => void prettify())}
            {item("Duplicate", () => addPanel({ expr }))}
            {item("Copy expression", () => void navigator.clipboard?.writeText(expr))}
            {item(isOnly ? "Clear" : "Remove", () => removePanel(id), "danger")}
          </ul>
          </>
        );
      }}
    </Menu>
  );
}
