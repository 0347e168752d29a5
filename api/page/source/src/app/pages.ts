/** All pages, in the order in which the frame lists them: a page is added by a line here.
 *
 * A page whose endpoints a server lacks says so by itself (`Problem` knows a 404), so that each may stay listed. */

import type { FunctionComponent } from "preact";
import { AskPage } from "../ask/ask";
import { lazy } from "./lazy";

export interface PageEntry {
  /** The last part of its address. */
  name: string;
  title: string;
  icon: string;
  page: FunctionComponent;
}

const entry = (name: string, title: string, icon: string, page: FunctionComponent): PageEntry => ({ name, title, icon, page });

export const GROUPS: readonly [string, readonly PageEntry[]][] = [
  ["Ask", [
    entry("ask", "Query", "query", AskPage),
    entry("metrics", "Metrics", "metrics", lazy(() => import("../metrics/metrics").then((m) => m.MetricsPage))),
  ]],
  ["Watch", [
    entry("tenants", "Tenants", "tenants", lazy(() => import("../watch/tenants").then((m) => m.TenantsPage))),
    entry("replicas", "Replicas", "replicas", lazy(() => import("../watch/replicas").then((m) => m.ReplicasPage))),
    entry("refused", "Refused samples", "refused", lazy(() => import("../watch/refused").then((m) => m.RefusedPage))),
    entry("rules", "Rules", "rules", lazy(() => import("../watch/rules").then((m) => m.RulesPage))),
    entry("alerts", "Alerts", "alerts", lazy(() => import("../watch/alerts").then((m) => m.AlertsPage))),
    entry("queries", "Running queries", "queries", lazy(() => import("../watch/queries").then((m) => m.QueriesPage))),
  ]],
  ["Store", [
    entry("segments", "Segments", "segments", lazy(() => import("../store/segments").then((m) => m.SegmentsPage))),
    entry("head", "Head and log", "head", lazy(() => import("../store/head").then((m) => m.HeadPage))),
    entry("cardinality", "Cardinality", "cardinality", lazy(() => import("../store/cardinality").then((m) => m.CardinalityPage))),
  ]],
  ["Server", [
    entry("status", "Status", "status", lazy(() => import("../program/status").then((m) => m.StatusPage))),
  ]],
];

export const PAGES: ReadonlyMap<string, PageEntry> = new Map(GROUPS.flatMap(([, pages]) => pages.map((one) => [one.name, one])));
