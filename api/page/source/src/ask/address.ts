/** The panels of the query page in its address, in Prometheus' scheme: `g0.expr=up&g0.tab=graph…`.
 *
 * Links of alerts, old bookmarks and Thanos' names are read; what is written Prometheus reads, too.
 * Of our own are `g0.dedup` and `g0.replicas`. */

import { parseDuration, showDuration } from "../words/durations";
import { addressTime, parseAddressTime } from "../words/times";

export type Tab = "graph" | "table" | "explain";
export type Display = "lines" | "stacked" | "heatmap";
export type Dedup = "" | "auto" | "penalty" | "chain" | "false";
export type Resolution =
  | { kind: "auto"; density: "low" | "medium" | "high" }
  | { kind: "fixed" | "custom"; seconds: number };

export interface Panel {
  expr: string;
  tab: Tab;
  rangeMs: number;
  /** The end of the range, and the time of the table; null is now. */
  endMs: number | null;
  resolution: Resolution;
  display: Display;
  /** The least value of the y axis, null for what there is. */
  yMin: number | null;
  exemplars: boolean;
  showTree: boolean;
  dedup: Dedup;
  /** Lines coloured by the replica that each point came from. */
  replicas: boolean;
}

export const PANELS_MAX = 20;
const DEDUPS = ["", "auto", "penalty", "chain", "false"];
const STEPS_MAX = 11_000;

export function emptyPanel(): Panel {
  return {
    expr: "",
    tab: "graph",
    rangeMs: 3_600_000,
    endMs: null,
    resolution: { kind: "auto", density: "medium" },
    display: "lines",
    yMin: null,
    exemplars: false,
    showTree: false,
    dedup: "",
    replicas: false,
  };
}

export function readPanels(search: string): Panel[] {
  const form = new URLSearchParams(search);
  const panels: Panel[] = [];
  while (panels.length < PANELS_MAX && form.has(`g${panels.length}.expr`)) {
    panels.push(readPanel(form, `g${panels.length}.`));
  }
  return panels;
}

function readPanel(form: URLSearchParams, at: string): Panel {
  const get = (name: string) => form.get(at + name);
  const panel = emptyPanel();
  panel.expr = get("expr") ?? "";
  panel.tab = readTab(get("tab"));
  panel.rangeMs = parseDuration(get("range_input") ?? "") ?? panel.rangeMs;
  panel.endMs = parseAddressTime(get("end_input") || get("moment_input") || "");
  panel.resolution = readResolution(get);
  const display = get("display_mode");
  if (display === "stacked" || display === "heatmap") panel.display = display;
  else if (display === null && get("stacked") === "1") panel.display = "stacked";
  const least = get("y_axis_min");
  if (least && Number.isFinite(Number(least))) panel.yMin = Number(least);
  panel.exemplars = get("show_exemplars") === "1";
  panel.showTree = get("show_tree") === "1";
  const dedup = get("dedup") ?? (get("deduplicate") === "0" ? "false" : "");
  if (DEDUPS.includes(dedup)) panel.dedup = dedup as Dedup;
  panel.replicas = get("replicas") === "1";
  return panel;
}

function readTab(text: string | null): Tab {
  if (text === "0" || text === "graph") return "graph";
  if (text === "explain") return "explain";
  // Prometheus' own default.
  return "table";
}

function readResolution(get: (name: string) => string | null): Resolution {
  const kind = get("res_type");
  const seconds = Number(get("res_step") ?? get("step_input") ?? "");
  if (kind === "auto") {
    const density = get("res_density");
    return { kind, density: density === "low" || density === "high" ? density : "medium" };
  }
  if ((kind === "fixed" || kind === "custom") && seconds > 0) return { kind, seconds };
  if (seconds > 0) return { kind: "custom", seconds };
  return { kind: "auto", density: "medium" };
}

export function writePanels(panels: readonly Panel[], tenant: string): string {
  const form = new URLSearchParams();
  panels.forEach((panel, index) => writePanel(form, `g${index}.`, panel));
  if (tenant) form.set("tenant", tenant);
  return form.toString();
}

function writePanel(form: URLSearchParams, at: string, panel: Panel): void {
  const set = (name: string, value: string) => form.set(at + name, value);
  set("expr", panel.expr);
  set("show_tree", panel.showTree ? "1" : "0");
  set("tab", panel.tab);
  set("range_input", showDuration(panel.rangeMs));
  if (panel.endMs !== null) {
    set("end_input", addressTime(panel.endMs));
    set("moment_input", addressTime(panel.endMs));
  }
  set("res_type", panel.resolution.kind);
  if (panel.resolution.kind === "auto") set("res_density", panel.resolution.density);
  else set("res_step", String(panel.resolution.seconds));
  set("display_mode", panel.display);
  if (panel.yMin !== null) set("y_axis_min", String(panel.yMin));
  set("show_exemplars", panel.exemplars ? "1" : "0");
  if (panel.dedup) set("dedup", panel.dedup);
  if (panel.replicas) set("replicas", "1");
}

const DENSITIES = { low: 100, medium: 250, high: 750 };

/** Seconds between two steps: by density a part of the range, in whole seconds, and at least one;
 * never more steps than the server allows. */
export function stepSeconds(panel: Panel): number {
  const range = panel.rangeMs / 1000;
  const { resolution } = panel;
  const wanted =
    resolution.kind === "auto"
      ? Math.max(1, Math.floor(range / DENSITIES[resolution.density]))
      : resolution.seconds;
  return Math.max(wanted, Math.ceil(range / STEPS_MAX));
}

/** The ranges that the buttons − and + go through. */
const RANGES = ["1s", "10s", "1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "7d", "14d", "28d", "56d", "112d", "182d", "1y", "2y"].map((text) => parseDuration(text)!);

export function nextRange(ms: number, direction: 1 | -1): number {
  const found = direction > 0 ? RANGES.find((r) => r > ms) : RANGES.findLast((r) => r < ms);
  return found ?? ms;
}
