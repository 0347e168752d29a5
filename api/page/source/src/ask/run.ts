/** Running a panel: which endpoint, with which parameters, and what has become of it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isAbort } from "../server/client";
import { credential, tenant } from "../server/session";
import { stepSeconds, type Panel } from "./address";
import { askInstant, askRange } from "./answers";
import { askExemplars, type Exemplar } from "./exemplars";
import type { InstantData } from "./instant";
import type { Matrix } from "./matrix";

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
  /** The end of its range, or its time, in seconds. */
  end: number;
}

const IDLE: Run = { state: "idle", outcome: null, error: null, warnings: [], infos: [], took: 0, end: 0 };

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
    const end = Math.floor((panel.endMs ?? Date.now()) / 1000);
    // What was there stays until the answer is, but not what was said of it.
    setRun((old) => ({ ...IDLE, state: "running", end, outcome: old.outcome?.kind === panel.tab ? old.outcome : null }));
    perform(panel, end, control.signal).then(
      (done) => control.signal.aborted || setRun({ ...IDLE, ...done, end, state: "done" }),
      (error) => {
        if (control.signal.aborted || isAbort(error)) return;
        setRun({ ...IDLE, end, state: "failed", error });
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

async function perform(panel: Panel, end: number, signal: AbortSignal): Promise<Done> {
  if (panel.tab === "explain") return { outcome: { kind: "explain", expr: panel.expr, time: end }, warnings: [], infos: [], took: 0 };
  const shared = { query: panel.expr, dedup: panel.dedup || undefined, stats: "true" };
  if (panel.tab === "table") {
    const time = panel.endMs === null ? undefined : end;
    const { data, ...rest } = await askInstant({ ...shared, time }, signal);
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
