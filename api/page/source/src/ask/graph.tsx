/** The graph of a range query, its legend, and dragging over it. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { shownTheme } from "../app/theme";
import { keyOf, shared, type Labels } from "../words/labels";
import { count } from "../words/numbers";
import { zone } from "../words/times";
import type { Panel } from "./address";
import { byReplica, plainCurves, stacked, type Curve } from "./curves";
import { drawExemplars, type Exemplar } from "./exemplars";
import { drawHeat } from "./heat_plot";
import { heatOf } from "./heat";
import { Legend, ReplicaLegend } from "./legend";
import { LINES_MAX, type Matrix } from "./matrix";
import { assign, colours } from "./palette";
import { airy, frameOptions, type Frame } from "./plot";
import { tooltipOf } from "./tooltip";

export interface GraphProps {
  matrix: Matrix;
  exemplars: Exemplar[];
  panel: Panel;
  onSelect: (startMs: number, endMs: number) => void;
}

const HEIGHT = 340;
// Above it, points near the cursor do not dim the others: that would draw all of them again.
const FOCUS_POINTS_MAX = 60_000;

export function Graph({ matrix, exemplars, panel, onSelect }: GraphProps) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [pointed, setPointed] = useState<string | null>(null);
  const heat = useMemo(() => (wantsHeat(panel, matrix) ? heatOf(matrix) : null), [matrix, panel.display]);
  const keys = useMemo(() => matrix.lines.map((line) => keyOf(line.labels)), [matrix]);
  const colourOf = useMemo(() => new Map(assign(keys).map((c, i) => [keys[i], c])), [keys]);
  const isByReplica = panel.replicas && matrix.replicas.length > 0;
  const curves = useMemo(() => curvesOf(matrix, panel, colourOf, hidden), [matrix, panel.display, isByReplica, colourOf, hidden]);
  const common = useMemo(() => shared(matrix.lines.map((line) => line.labels)), [matrix]);
  const plot = useRef<uPlot | null>(null);
  const select = useRef(onSelect);
  select.current = onSelect;
  useEffect(() => {
    const at = host.current;
    if (!at || !width) return;
    const frame: Frame = {
      width,
      height: HEIGHT,
      start: matrix.times[0],
      end: Math.max(matrix.times[matrix.times.length - 1], matrix.times[0] + 1),
      yRange: (min, max) => airy(min, max, panel.yMin),
      onSelect: (from, to) => select.current(from, to),
    };
    const drawn = heat ? drawHeat(heat, matrix, frame, at) : drawCurves(curves, matrix, exemplars, panel, frame, at, common);
    plot.current = drawn;
    return () => drawn.destroy();
  }, [curves, heat, exemplars, width, panel.yMin, shownTheme.value, zone.value]);
  useEffect(() => {
    if (heat || !plot.current || curves.length * matrix.times.length > FOCUS_POINTS_MAX) return;
    const at = curves.findIndex((curve) => curve.key === pointed);
    plot.current.setSeries(at < 0 ? (null as unknown as number) : at + 1, { focus: at >= 0 } as uPlot.Series);
  }, [pointed]);
  return (
    <figure class="graph">
      <figcaption class="hidden-text">
        Graph of {count(matrix.total)} series; the tab Table shows them as text.
      </figcaption>
      <div ref={host} class="plot" style={{ height: HEIGHT }} />
      {matrix.total > LINES_MAX && (
        <p class="note">{count(LINES_MAX)} of {count(matrix.total)} series are drawn. <code>topk(20, …)</code> picks the largest.</p>
      )}
      {isByReplica ? <ReplicaLegend matrix={matrix} /> : !heat && (
        <Legend matrix={matrix} keys={keys} colourOf={colourOf} common={common} hidden={hidden} onHide={setHidden} onPoint={setPointed} />
      )}
    </figure>
  );
}

function wantsHeat(panel: Panel, matrix: Matrix): boolean {
  const onlyHistograms = matrix.lines.length > 0 && matrix.lines.every((l) => l.histograms.length && l.values.every(Number.isNaN));
  return panel.display === "heatmap" || onlyHistograms;
}

function curvesOf(matrix: Matrix, panel: Panel, colourOf: ReadonlyMap<string, number>, hidden: ReadonlySet<string>): Curve[] {
  if (panel.replicas && matrix.replicas.length) return byReplica(matrix);
  const lines = matrix.lines.filter((line) => !hidden.has(keyOf(line.labels)));
  const curves = plainCurves(lines, colourOf);
  return panel.display === "stacked" ? stacked(curves) : curves;
}

function drawCurves(curves: Curve[], matrix: Matrix, exemplars: Exemplar[], panel: Panel, frame: Frame, host: HTMLElement, common: Labels): uPlot {
  const options = frameOptions(frame, host);
  const palette = colours(shownTheme.value === "dark");
  const isStacked = panel.display === "stacked" && !panel.replicas;
  const strokes = curves.map((curve) => palette[curve.colour]);
  for (const stroke of strokes) {
    options.series.push({
      stroke,
      width: isStacked ? 1 : 1.6,
      fill: isStacked ? `${stroke}59` : undefined,
      points: { size: 5, fill: stroke, width: 0 },
      spanGaps: false,
    });
  }
  if (isStacked) options.bands = curves.slice(1).map((_, i) => ({ series: [i + 1, i + 2], fill: `${strokes[i]}59` }));
  if (curves.length * matrix.times.length <= FOCUS_POINTS_MAX) {
    options.focus = { alpha: 0.22 };
  }
  const tooltip = tooltipOf(host, curves, strokes, common, exemplars);
  options.hooks = { ...options.hooks, setCursor: [tooltip.move], draw: [(u) => drawExemplars(u, exemplars, host)], destroy: [tooltip.remove] };
  return new uPlot(options, [matrix.times, ...curves.map((curve) => curve.drawn)] as uPlot.AlignedData, host);
}

/** The width of an element, as it changes. */
export function useWidth(host: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    if (host.current) observer.observe(host.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
