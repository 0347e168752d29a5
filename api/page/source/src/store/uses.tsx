/** What takes the most samples and bytes, and whose series come and go: by metric, label or pair. */

import { useState } from "preact/hooks";
import { Choice } from "../parts/facts";
import { Grid } from "../parts/grid";
import { quote, selector, visible } from "../words/labels";
import { bytes, count, percent, short } from "../words/numbers";
import { pairOf, type Usage } from "./counts";

type By = "byMetricName" | "byLabelName" | "byLabelValuePair";
const KINDS: [By, string][] = [["byMetricName", "Metrics"], ["byLabelName", "Labels"], ["byLabelValuePair", "Pairs"]];

export function Uses({ usage, onPick }: { usage: Usage; onPick: (selector: string) => void }) {
  const [by, setBy] = useState<By>("byMetricName");
  const written = (name: string) => {
    if (by === "byMetricName") return selector({ __name__: name });
    const [label, value] = by === "byLabelName" ? [name, null] : pairOf(name);
    const plain = /^[a-zA-Z_]\w*$/.test(label) ? label : quote(label);
    return value === null ? `{${plain}!=""}` : `{${plain}=${quote(value)}}`;
  };
  return (
    <div class="section">
      <div class="titled">
        <h2>What takes the most</h2>
        <Choice label="By" value={by} choices={KINDS} onSet={(value) => setBy(value as By)} />
      </div>
      <Grid label="What takes the most" rows={usage[by]} columns={[
        { label: "Name", width: "minmax(210px, 1fr)", by: (row) => row.name, show: (row) => <button type="button" class="link clip mono" onClick={() => onPick(written(row.name))}><bdi>{visible(row.name, 120)}</bdi></button> },
        { label: "Series", width: "92px", isNumber: true, by: (row) => row.series, show: (row) => count(row.series) },
        { label: "Samples", width: "92px", isNumber: true, by: (row) => row.samples, show: (row) => short(row.samples) },
        { label: "Of all", width: "72px", isNumber: true, by: (row) => row.samples, show: (row) => percent(row.samples / Math.max(1, usage.samples)) },
        { label: "In segments", width: "104px", isNumber: true, by: (row) => row.bytes, show: (row) => bytes(row.bytes) },
        { label: "Began", width: "84px", isNumber: true, by: (row) => row.began, show: (row) => count(row.began) },
        { label: "Ended", width: "84px", isNumber: true, by: (row) => row.ended, show: (row) => count(row.ended) },
      ]} />
    </div>
  );
}
