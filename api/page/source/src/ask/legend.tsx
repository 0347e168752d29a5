/** Which line is which. Choices are kept by label set: they outlast a change of the range. */

import { useMemo } from "preact/hooks";
import { shownTheme } from "../app/theme";
import { Virtual } from "../parts/virtual";
import { keyOf, shown, type Labels } from "../words/labels";
import { percent, plural, short } from "../words/numbers";
import { shares } from "./curves";
import type { Matrix } from "./matrix";
import { colours } from "./palette";

export interface LegendProps {
  matrix: Matrix;
  keys: readonly string[];
  colourOf: ReadonlyMap<string, number>;
  common: Labels;
  hidden: ReadonlySet<string>;
  onHide: (hidden: ReadonlySet<string>) => void;
  onPoint: (key: string | null) => void;
}

/** What is hidden after a click: only the one clicked is left, or all are back; with Ctrl it alone changes. */
export function clicked(key: string, keys: readonly string[], hidden: ReadonlySet<string>, single: boolean): Set<string> {
  if (single) {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    return next;
  }
  const others = keys.filter((one) => one !== key);
  const isAlone = !hidden.has(key) && others.every((one) => hidden.has(one));
  return isAlone ? new Set() : new Set(others);
}

export function Legend({ matrix, keys, colourOf, common, hidden, onHide, onPoint }: LegendProps) {
  const palette = colours(shownTheme.value === "dark");
  const without = useMemo(() => new Set(Object.keys(common)), [common]);
  const lasts = useMemo(() => matrix.lines.map((line) => line.values.findLast((v) => !Number.isNaN(v))), [matrix]);
  const isAll = Object.keys(common).length > 0;
  const row = (index: number) => {
    const key = keys[index];
    const isHidden = hidden.has(key);
    return (
      <div role="listitem" key={key}>
        <button type="button" class={`entry ${isHidden ? "off" : ""}`} aria-pressed={!isHidden}
          onClick={(event) => onHide(clicked(key, keys, hidden, event.ctrlKey || event.metaKey))}
          onMouseEnter={() => onPoint(key)} onMouseLeave={() => onPoint(null)} onFocus={() => onPoint(key)} onBlur={() => onPoint(null)}>
          <i class="swatch" style={{ background: palette[colourOf.get(key) ?? 0] }} />
          <bdi class="mono clip">{shown(matrix.lines[index].labels, without)}</bdi>
          <span class="number mono">{lasts[index] === undefined ? "" : short(lasts[index]!)}</span>
        </button>
      </div>
    );
  };
  if (!keys.length) return null;
  return (
    <div class="legend">
      <p class="legend-head">
        <span>{isAll ? <>All have <bdi class="mono">{shown(common)}</bdi></> : plural(keys.length, "series", "series")}</span>
        <span class="quiet">Click shows one alone, with Ctrl hides it</span>
      </p>
      <Virtual count={keys.length} rowHeight={28} maxHeight={196} row={row} label="Series of the graph" />
    </div>
  );
}

/** The replicas that points came from, with their shares. */
export function ReplicaLegend({ matrix }: { matrix: Matrix }) {
  const palette = colours(shownTheme.value === "dark");
  const counts = useMemo(() => shares(matrix), [matrix]);
  const all = counts.reduce((sum, n) => sum + n, 0);
  return (
    <div class="legend">
      <p class="legend-head"><span>Each point in the colour of the replica it came from</span></p>
      <ul class="replica-legend">
        {matrix.replicas.map((labels, number) => (
          <li key={keyOf(labels)}>
            <i class="swatch" style={{ background: palette[number % palette.length] }} />
            <bdi class="mono">{Object.keys(labels).length ? shown(labels) : "no replica label"}</bdi>
            <span class="quiet">{percent(counts[number] / all)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
