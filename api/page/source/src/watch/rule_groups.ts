/** The report on rules, as the API gives it. */

import type { Labels } from "../words/labels";

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: string;
  activeAt?: string;
  keepFiringSince?: string;
  value: string;
}
export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  labels?: Labels;
  annotations?: Labels;
  health?: string;
  lastError?: string;
  state?: string;
  /** Seconds that it has to hold before it fires, and that it fires on. */
  duration?: number;
  keepFiringFor?: number;
  evaluationTime?: number;
  lastEvaluation?: string;
  seriesRead?: number;
  samplesRead?: number;
  alerts?: Alert[] | null;
}
export interface Group {
  name: string;
  file: string;
  tenant?: string;
  interval?: number;
  limit?: number;
  queryOffset?: number;
  evaluationTime?: number;
  lastEvaluation?: string;
  missedEvaluations?: number;
  sourceTenants?: string[];
  rules: Rule[];
}

/** An alert and where it comes from. */
export interface Raised {
  alert: Alert;
  rule: Rule;
  group: Group;
}

/** Milliseconds, or null for what has never been; Go's zero time is in year 1. */
export function timeOf(text: string | undefined): number | null {
  if (!text || text.startsWith("0001")) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** What a rule is in one word: alerting rules by their state, unless they fail. */
export function stateOf(rule: Rule): string {
  if (rule.health === "err") return "failing";
  if (rule.state && rule.state !== "unknown") return rule.state;
  return rule.health === "ok" ? "ok" : "not yet evaluated";
}

const LAMPS: Record<string, string> = { failing: "bad", firing: "bad", pending: "warn", ok: "good", inactive: "good" };

export function lampOf(state: string): string {
  return LAMPS[state] ?? "";
}

/** All alerts, firing ones first, the newest of each first. */
export function raised(groups: readonly Group[]): Raised[] {
  const all = groups.flatMap((group) => group.rules.flatMap((rule) => (rule.alerts ?? []).map((alert) => ({ alert, rule, group }))));
  const rank = ({ alert }: Raised) => (alert.state === "firing" ? 0 : 1);
  return all.sort((a, b) => rank(a) - rank(b) || (timeOf(b.alert.activeAt) ?? 0) - (timeOf(a.alert.activeAt) ?? 0));
}

export function matches(text: string, find: string): boolean {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
}
