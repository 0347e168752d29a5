/** The program: what it is, its processes, the stores it asks, its settings and configuration. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { param, setParam } from "../app/route";
import { Head } from "../app/shell";
import { Code } from "../parts/code";
import { Choice, Facts } from "../parts/facts";
import { Grid } from "../parts/grid";
import { Empty, Loading, Problem } from "../parts/notices";
import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { visible } from "../words/labels";
import { ago, showTime } from "../words/times";
import { Processes } from "./processes";
import { Stores } from "./stores";

interface Runtime {
  startTime: string;
  CWD: string;
  hostname: string;
  serverTime: string;
  reloadConfigSuccess: boolean;
  lastConfigTime: string;
  goroutineCount: number;
  GOMAXPROCS: number;
  storageRetention: string;
}
type Build = Record<string, unknown>;

const EVERY_MS = 10_000;
const VIEWS: [string, string][] = [["", "Program"], ["processes", "Processes"], ["stores", "Stores"], ["settings", "Settings"], ["configuration", "Configuration"]];
const SHOWN: Record<string, () => ComponentChildren> = {
  processes: () => <Processes />,
  stores: () => <Stores />,
  settings: () => <Settings />,
  configuration: () => <Configuration />,
};

export function StatusPage() {
  const view = param("view");
  return (
    <>
      <Head title="Status" tools={<Choice label="What is shown" value={view} choices={VIEWS} onSet={(value) => setParam("view", value, true)} />}>
        The program that answers here, and how it is set up.
      </Head>
      {Object.hasOwn(SHOWN, view) ? SHOWN[view]() : <Program />}
    </>
  );
}

function Program() {
  const asked = useAnswer("status", async (signal) => {
    const [runtime, build] = await Promise.all([
      ask<Runtime>("status/runtimeinfo", {}, { signal }).then((a) => a.data),
      ask<Build>("status/buildinfo", {}, { signal }).then((a) => a.data),
    ]);
    return { runtime, build };
  }, EVERY_MS);
  if (asked.error && !asked.value) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  const { runtime, build } = asked.value;
  const [started, reloaded] = [Date.parse(runtime.startTime), Date.parse(runtime.lastConfigTime)];
  const texts = Object.entries(build).filter((pair): pair is [string, string] => typeof pair[1] === "string" && pair[1] !== "");
  return (
    <>
      {asked.error && <Problem error={asked.error} />}
      <Facts facts={[
        ["Started", ago(started), showTime(started)],
        ["Watched files", runtime.reloadConfigSuccess ? "in force" : "refused", `${runtime.reloadConfigSuccess ? "read" : "tried"} ${ago(reloaded)}`],
        ["Samples are kept", /^0\w?$/.test(runtime.storageRetention) ? "for ever" : runtime.storageRetention || "–"],
        ["Processors", runtime.GOMAXPROCS, `${runtime.goroutineCount} threads`],
      ]} />
      {!runtime.reloadConfigSuccess && <p class="note bad-text">A file that the program watches could not be used: the one before is in force. The log says why.</p>}
      <div class="card padded">
        <dl class="pairs">
          <div><dt>Host</dt><dd class="mono"><bdi>{visible(runtime.hostname)}</bdi></dd></div>
          <div><dt>Directory</dt><dd class="mono"><bdi>{visible(runtime.CWD)}</bdi></dd></div>
          <div><dt>Time of the server</dt><dd class="mono">{showTime(Date.parse(runtime.serverTime))}</dd></div>
          {texts.map(([name, text]) => <div key={name}><dt>{NAMES[name] ?? name}</dt><dd class="mono"><bdi>{visible(text)}</bdi></dd></div>)}
        </dl>
      </div>
    </>
  );
}

const NAMES: Record<string, string> = { application: "Application", version: "Speaks as Prometheus", revision: "Revision", branch: "Branch", buildDate: "Built", buildUser: "Built by", goVersion: "Language" };

function Settings() {
  const asked = useAnswer("flags", async (signal) => (await ask<Record<string, string>>("status/flags", {}, { signal })).data);
  const [find, setFind] = useState("");
  if (asked.error) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  const rows = Object.entries(asked.value).filter(([name, value]) => `${name} ${value}`.toLowerCase().includes(find.trim().toLowerCase()));
  return (
    <>
      <input class="field finder" type="search" aria-label="Find a setting" placeholder="Find a setting" value={find} onInput={(event) => setFind(event.currentTarget.value)} />
      {rows.length ? (
        <Grid label="Settings" rows={rows} maxRows={22} columns={[
          { label: "Setting", width: "minmax(260px, 1fr)", by: ([name]) => name, show: ([name]) => <code>{visible(name)}</code> },
          { label: "In force", width: "minmax(180px, 1fr)", by: ([, value]) => value, show: ([, value]) => (value === "" ? <span class="quiet">–</span> : <bdi class="mono">{visible(value)}</bdi>) },
        ]} />
      ) : <div class="card"><Empty title="No setting with these words" /></div>}
    </>
  );
}

function Configuration() {
  const asked = useAnswer("config", async (signal) => (await ask<{ yaml: string }>("status/config", {}, { signal })).data.yaml);
  if (asked.error) return <Problem error={asked.error} />;
  if (asked.value === null) return <Loading />;
  return asked.value.trim() ? <Code text={asked.value} /> : <div class="card"><Empty title="All settings are as they come" /></div>;
}
