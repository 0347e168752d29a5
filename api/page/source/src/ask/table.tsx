/** The result of an instant query: a column for each label that differs, what all have in common above. */

import { useMemo, useState } from "preact/hooks";
import { Icon } from "../app/icons";
import { Detail } from "../parts/detail";
import { leastWidth } from "../parts/grid";
import { useNarrow } from "../parts/narrow";
import { Virtual } from "../parts/virtual";
import { namesOf, shared, shown, visible, type Labels } from "../words/labels";
import { count, sampleValue } from "../words/numbers";
import { sortedBy } from "../words/order";
import { showTime } from "../words/times";
import { samplesOf, type InstantData, type Row } from "./instant";

const ROW_HEIGHT = 33;
const COLUMNS_MAX = 7;
const METRIC = "__name__";
/** Of the samples of one series. */
const LINES_MAX = 2_000;

export function Table({ data }: { data: InstantData }) {
  if (data.resultType === "scalar" || data.resultType === "string") {
    return <p class="scalar mono"><span class="quiet">{data.resultType}</span> {visible(data.text, 4000)}</p>;
  }
  return <Rows rows={data.rows} total={data.total} />;
}

function Rows({ rows, total }: { rows: Row[]; total: number }) {
  const [order, setOrder] = useState<{ by: string; down: boolean } | null>(null);
  const [open, setOpen] = useState<Row | null>(null);
  const sets = useMemo(() => rows.map((row) => row.metric), [rows]);
  const common = useMemo(() => shared(sets), [sets]);
  const names = useMemo(() => namesOf(sets).filter((name) => !(name in common)), [sets, common]);
  const isNarrow = useNarrow();
  // On a phone the value has to be seen without scrolling: the labels share what is left.
  const columns = names.slice(0, isNarrow ? 0 : COLUMNS_MAX);
  const more = names.slice(columns.length);
  const sorted = useMemo(() => inOrder(rows, order), [rows, order]);
  const widths = [...columns.map(() => "minmax(96px, 1fr)"), ...(more.length ? ["minmax(120px, 1.4fr)"] : []), isNarrow ? "minmax(110px, 0.6fr)" : "minmax(150px, 0.8fr)"];
  const template = widths.join(" ");
  const head = (by: string, label: string, name = "") => (
    <span role="columnheader" class={name} key={by} aria-sort={order?.by === by ? (order.down ? "descending" : "ascending") : "none"}>
      <button type="button" onClick={() => setOrder(next(order, by))}>
        <bdi class="clip">{label}</bdi>
        {order?.by === by && <span aria-hidden="true">{order.down ? "↓" : "↑"}</span>}
      </button>
    </span>
  );
  const line = (index: number) => {
    const row = sorted[index];
    return (
      <div role="row" class="line" key={index} aria-rowindex={index + 2} style={{ gridTemplateColumns: template }}>
        {columns.map((name, at) => (
          <span role="cell" class={`clip ${name === METRIC ? "name" : ""}`} key={name}>
            {at === 0 ? <Opener row={row} onOpen={setOpen}>{row.metric[name] ?? ""}</Opener> : <bdi class="mono">{visible(row.metric[name] ?? "")}</bdi>}
          </span>
        ))}
        {more.length > 0 && <span role="cell" class="clip mono quiet"><bdi>{shown(picked(row.metric, more))}</bdi></span>}
        <span role="cell" class="number mono clip">{columns.length ? valueText(row) : <Opener row={row} onOpen={setOpen}>{valueText(row)}</Opener>}</span>
      </div>
    );
  };
  return (
    <div class="result">
      {Object.keys(common).length > 0 && <p class="common"><span class="quiet">All have</span> <bdi class="mono">{shown(common)}</bdi></p>}
      <div class="grid" role="table" aria-label="Result" aria-rowcount={sorted.length + 1}>
        <div class="sheet" style={{ minWidth: leastWidth(widths) }}>
          <div role="rowgroup">
            <div role="row" class="line heads" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
              {columns.map((name) => head(name, name === METRIC ? "metric" : visible(name, 80)))}
              {more.length > 0 && <span role="columnheader" class="quiet">{columns.length ? `${more.length} more labels` : "labels"}</span>}
              {head("", "value", "number")}
            </div>
          </div>
          <Virtual count={sorted.length} rowHeight={ROW_HEIGHT} maxHeight={ROW_HEIGHT * 18} row={line} role="rowgroup" label="Series" />
        </div>
      </div>
      {total > rows.length && <p class="note">The first {count(rows.length)} of {count(total)} series. <code>topk(100, …)</code> picks the largest.</p>}
      {open && <SeriesDetail row={open} onClose={() => setOpen(null)} />}
    </div>
  );
}

function Opener({ row, onOpen, children }: { row: Row; onOpen: (row: Row) => void; children: string }) {
  return (
    <button type="button" class="opener mono" onClick={() => onOpen(row)} aria-label={`${visible(children)}: details of ${shown(row.metric)}`}>
      <bdi class="clip">{visible(children) || "–"}</bdi>
      <Icon name="more" size={14} />
    </button>
  );
}

function SeriesDetail({ row, onClose }: { row: Row; onClose: () => void }) {
  return (
    <Detail title={visible(row.metric.__name__ ?? "Series", 200)} onClose={onClose}>
      <dl class="pairs">
        {Object.entries(row.metric).map(([name, value]) => (
          <div key={name}><dt class="mono"><bdi>{visible(name)}</bdi></dt><dd class="mono"><bdi>{visible(value, 70_000)}</bdi></dd></div>
        ))}
        {row.replica && <div><dt>Replica</dt><dd class="mono">{shown(row.replica)}</dd></div>}
      </dl>
      <h3>{row.packed ? "Samples" : "Sample"}</h3>
      <pre class="samples">{samplesText(row)}</pre>
    </Detail>
  );
}

function samplesText(row: Row): string {
  const { values = [], histograms = [] } = samplesOf(row);
  const lines = values.slice(0, LINES_MAX).map(([t, v]) => `${showTime(t * 1000)}  ${v}`);
  for (const [t, h] of histograms.slice(0, LINES_MAX)) {
    lines.push(`${showTime(t * 1000)}  count ${h.count}, sum ${h.sum}`);
    for (const [, lower, upper, value] of h.buckets ?? []) lines.push(`    ${lower} to ${upper}: ${value}`);
  }
  const all = values.length + histograms.length;
  return [...lines.slice(0, LINES_MAX), ...(lines.length > LINES_MAX || all > LINES_MAX ? [`… of ${count(all)} samples`] : [])].join("\n");
}

export function valueText(row: Row): string {
  if (row.value) return row.value[1];
  if (row.histogram) return `${row.histogram[1].count} in buckets`;
  if (row.histograms) return `${row.histograms} histograms`;
  return `${row.samples ?? 0} samples`;
}

function picked(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(names.filter((name) => name in labels).map((name) => [name, labels[name]]));
}

function next(order: { by: string; down: boolean } | null, by: string): { by: string; down: boolean } | null {
  if (order?.by !== by) return { by, down: by === "" };
  return order.down === (by === "") ? { by, down: !order.down } : null;
}

function inOrder(rows: Row[], order: { by: string; down: boolean } | null): Row[] {
  if (!order) return rows;
  const worth = (row: Row) => (row.value ? sampleValue(row.value[1]) : row.samples ?? 0);
  return sortedBy(rows, order.by === "" ? worth : (row) => row.metric[order.by] ?? "", order.down);
}
