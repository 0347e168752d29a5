/** The page: which part of it is shown. */

import { render, type FunctionComponent } from "preact";
import { lazy } from "./app/lazy";
import { install, page } from "./app/route";
import { Head, Shell } from "./app/shell";
import { SignIn } from "./app/sign_in";
import { AskPage } from "./ask/ask";
import { signInNeeded } from "./server/session";
import "./style/all.css";

const PAGES: Record<string, FunctionComponent> = {
  metrics: lazy(() => import("./metrics/metrics").then((m) => m.MetricsPage)),
  tenants: lazy(() => import("./watch/tenants").then((m) => m.TenantsPage)),
  replicas: lazy(() => import("./watch/replicas").then((m) => m.ReplicasPage)),
  refused: lazy(() => import("./watch/refused").then((m) => m.RefusedPage)),
  rules: lazy(() => import("./watch/rules").then((m) => m.RulesPage)),
  alerts: lazy(() => import("./watch/rules").then((m) => m.AlertsPage)),
  queries: lazy(() => import("./watch/queries").then((m) => m.QueriesPage)),
  segments: lazy(() => import("./store/segments").then((m) => m.SegmentsPage)),
  head: lazy(() => import("./store/head").then((m) => m.HeadPage)),
  cardinality: lazy(() => import("./store/cardinality").then((m) => m.CardinalityPage)),
};

function Page() {
  if (signInNeeded.value) return <SignIn />;
  const Other = PAGES[page.value];
  return (
    <Shell>
      {page.value === "ask" ? <AskPage /> : Other ? <Other key={page.value} /> : <Head title="No such page">The list beside has all there are.</Head>}
    </Shell>
  );
}

install();
render(<Page />, document.getElementById("page")!);
