/** What has changed between two ranges, by the values of a label. */

import { hrefOf } from "../app/route";
import { Grid } from "../parts/grid";
import { visible } from "../words/labels";
import { count, short } from "../words/numbers";
import { differences, type Change, type Difference } from "./counts";

export function Changes({ changes, samples, by }: { changes: readonly Change[]; samples: readonly Change[]; by: string }) {
  const rows = differences(changes, samples);
  if (!rows.length) return <p class="note">Nothing has changed by {visible(by, 80)}.</p>;
  const amount = (label: string, width: string, of: (row: Difference) => number | undefined, show: (value: number) => string) => ({
    label, width, isNumber: true, by: (row: Difference) => of(row) ?? NaN, show: (row: Difference) => (of(row) === undefined ? "–" : show(of(row)!)),
  });
  const signed = (label: string, of: (row: Difference) => number | undefined, show: (value: number) => string) => ({
    ...amount(label, "104px", of, show),
    show: (row: Difference) => {
      const value = of(row);
      if (value === undefined) return "–";
      return <span class={value > 0 ? "more" : value < 0 ? "less" : "quiet"}>{value > 0 ? "+" : ""}{show(value)}</span>;
    },
  });
  return (
    <div class="section">
      <h2>What has changed, by <bdi>{visible(by, 80)}</bdi></h2>
      <Grid label="What has changed" rows={rows} columns={[
        { label: visible(by, 40), width: "minmax(190px, 1fr)", by: (row) => row.name, show: (row) => by === "__name__" ? <a href={hrefOf("metrics", { metric: row.name })}><bdi class="mono">{visible(row.name)}</bdi></a> : <bdi class="mono">{visible(row.name) || "–"}</bdi> },
        amount("Before", "92px", (row) => row.series?.before, count),
        amount("After", "92px", (row) => row.series?.after, count),
        signed("Series", (row) => row.series?.difference, count),
        amount("Samples before", "112px", (row) => row.samples?.before, short),
        amount("Samples after", "112px", (row) => row.samples?.after, short),
        signed("Samples", (row) => row.samples?.difference, short),
      ]} />
    </div>
  );
}
