/** Running a panel: which endpoint, with which parameters, and what has become of it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, isAbort } from "../server/client";
import { credential, tenant } from "../server/session";
import { stepSeconds, type Panel } from "./address";
import { askExemplars, type Exemplar } from "./exemplars";
import type { Matrix } from "./matrix";
import { askRange } from "./ranges";
import type { InstantData } from "./table";

export type Outcome =
  | { kind: "graph"; matrix: Matrix; exemplars: Exemplar[] }
  | { kind: "table"; data: InstantData }
  | { kind: "explain"; expr: string; time: number };

export interface Run {
  state: "idle" | "running" | "done" | "failed";
  outcome: Outcome | null;
  error: Error | null;
  warnings: string[];
  infos: string[];
  /** Milliseconds from asking to the answer. */
  took: number;
  began: number;
}

const IDLE: Run = { state: "idle", outcome: null, error: null, warnings: [], infos: [], took: 0, began: 0 };

/** What an answer depends on; how it is drawn does not count. */
function keyOf(panel: Panel): string {
  const { expr, tab, rangeMs, endMs, resolution, dedup, exemplars, replicas } = panel;
  return JSON.stringify([expr, tab, endMs, dedup, ...(tab === "graph" ? [rangeMs, resolution, exemplars, replicas] : [])]);
}

export function useRun(panel: Panel): Run & { again: () => void; cancel: () => void } {
  const [run, setRun] = useState<Run>(IDLE);
  const [round, setRound] = useState(0);
  const abort = useRef<AbortController | null>(null);
  const key = `${keyOf(panel)}\n${tenant.value}\n${credential.value}`;
  useEffect(() => {
    if (!panel.expr.trim()) {
      setRun(IDLE);
      return;
    }
    const control = new AbortController();
    abort.current = control;
    const began = performance.now();
    setRun((old) => ({ ...old, state: "running", began, outcome: old.outcome?.kind === panel.tab ? old.outcome : null }));
    perform(panel, control.signal).then(
      (done) => control.signal.aborted || setRun({ ...IDLE, ...done, state: "done" }),
      (error) => {
        if (control.signal.aborted || isAbort(error)) return;
        setRun({ ...IDLE, state: "failed", error });
      },
    );
    return () => control.abort();
  }, [key, round]);
  return {
    ...run,
    again: () => setRound((n) => n + 1),
    cancel: () => {
      if (run.state !== "running") return;
      abort.current?.abort();
      setRun({ ...IDLE, state: "failed", error: new Error("Canceled.") });
    },
  };
}

type Done = Pick<Run, "outcome" | "warnings" | "infos" | "took">;

async function perform(panel: Panel, signal: AbortSignal): Promise<Done> {
  const end = Math.floor((panel.endMs ?? Date.now()) / 1000);
  if (panel.tab === "explain") return { outcome: { kind: "explain", expr: panel.expr, time: end }, warnings: [], infos: [], took: 0 };
  const shared = { query: panel.expr, dedup: panel.dedup || undefined, stats: "true" };
  if (panel.tab === "table") {
    const time = panel.endMs === null ? undefined : end;
    const { data, ...rest } = await ask<InstantData>("query", { ...shared, time }, { signal, method: "POST" });
    return { outcome: { kind: "table", data }, ...rest };
  }
  const step = stepSeconds(panel);
  // The last step is the end, whatever the range is of the step.
  const start = end - Math.floor(panel.rangeMs / 1000 / step) * step;
  const asked = { ...shared, start, end, step, provenance: panel.replicas ? "true" : undefined };
  const [answer, exemplars] = await Promise.all([
    askRange(asked, signal),
    panel.exemplars ? askExemplars(panel.expr, start, end, signal) : [],
  ]);
  return { outcome: { kind: "graph", matrix: answer.data, exemplars }, warnings: answer.warnings, infos: answer.infos, took: answer.took };
}
