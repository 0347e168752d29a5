/** A table of things with named columns, sorted by a click, as long as it likes. */

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { sortedBy } from "../words/order";
import { Virtual } from "./virtual";

export interface Column<T> {
  label: string;
  /** Of CSS grid: `minmax(120px, 1fr)`. */
  width: string;
  show: (row: T) => ComponentChildren;
  /** What is sorted by; without it the column is not. */
  by?: (row: T) => number | string;
  isNumber?: boolean;
}

export interface GridProps<T> {
  label: string;
  columns: Column<T>[];
  rows: readonly T[];
  maxRows?: number;
  rowHeight?: number;
  rowClass?: (row: T) => string;
}

export function Grid<T>({ label, columns, rows, maxRows = 16, rowHeight = 36, rowClass }: GridProps<T>) {
  const [order, setOrder] = useState<{ at: number; down: boolean } | null>(null);
  const sorted = useMemo(() => inOrder(rows, columns, order), [rows, order]);
  const style = { gridTemplateColumns: columns.map((column) => column.width).join(" "), height: rowHeight };
  const turn = (at: number) => setOrder(order?.at !== at ? { at, down: !!columns[at].isNumber } : order.down === !!columns[at].isNumber ? { at, down: !order.down } : null);
  return (
    <div class="grid" role="table" aria-label={label} aria-rowcount={rows.length + 1}>
      <div class="sheet" style={{ minWidth: leastWidth(columns.map((column) => column.width)) }}>
        <div role="rowgroup">
          <div role="row" class="line heads" style={style} aria-rowindex={1}>
            {columns.map((column, at) => (
              <span role="columnheader" key={column.label} class={column.isNumber ? "number" : ""} aria-sort={order?.at === at ? (order.down ? "descending" : "ascending") : "none"}>
                {column.by ? <button type="button" onClick={() => turn(at)}>{column.label}{order?.at === at && <span aria-hidden="true">{order.down ? "↓" : "↑"}</span>}</button> : column.label}
              </span>
            ))}
          </div>
        </div>
        <Virtual count={sorted.length} rowHeight={rowHeight} maxHeight={rowHeight * maxRows} role="rowgroup" label={label}
          row={(index) => (
            <div role="row" class={`line ${rowClass?.(sorted[index]) ?? ""}`} key={index} style={style} aria-rowindex={index + 2}>
              {columns.map((column) => (
                <span role="cell" key={column.label} class={`clip ${column.isNumber ? "number" : ""}`}>{column.show(sorted[index])}</span>
              ))}
            </div>
          )} />
      </div>
    </div>
  );
}

const GAP = 14;
const SIDES = 24;

/** What the columns need at least, of their first lengths in pixels. */
export function leastWidth(widths: readonly string[]): number {
  const least = widths.reduce((sum, width) => sum + Number(/(\d+)px/.exec(width)?.[1] ?? 0), 0);
  return least + GAP * (widths.length - 1) + SIDES;
}

function inOrder<T>(rows: readonly T[], columns: Column<T>[], order: { at: number; down: boolean } | null): readonly T[] {
  const by = order && columns[order.at].by;
  return by ? sortedBy(rows, by, order.down) : rows;
}
