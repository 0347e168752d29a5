/** The graph of a range query, its legend, and dragging over it. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { shownTheme } from "../app/theme";
import { keyOf, shared, type Labels } from "../words/labels";
import { count, short } from "../words/numbers";
import { zone } from "../words/times";
import type { Panel } from "./address";
import { byReplica, plainCurves, stacked, type Curve } from "./curves";
import { DENSE_FROM, drawDense } from "./dense";
import { drawExemplars, type Exemplar } from "./exemplars";
import { airy, extentOf, withGaps, type Extent } from "./extent";
import { drawHeat } from "./heat_plot";
import { heatOf } from "./heat";
import { Legend, ReplicaLegend } from "./legend";
import { hasOnlyHistograms, LINES_MAX, type Matrix } from "./matrix";
import { assign, colours } from "./palette";
import { frameOptions, type Frame } from "./plot";
import { tooltipOf } from "./tooltip";

export interface GraphProps {
  matrix: Matrix;
  exemplars: Exemplar[];
  panel: Panel;
  onSelect: (startMs: number, endMs: number) => void;
}

const HEIGHT = 340;

export function Graph({ matrix, exemplars, panel, onSelect }: GraphProps) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [pointed, setPointed] = useState<string | null>(null);
  const heat = useMemo(() => (panel.display === "heatmap" || hasOnlyHistograms(matrix) ? heatOf(matrix) : null), [matrix, panel.display]);
  const keys = useMemo(() => matrix.lines.map((line) => keyOf(line.labels)), [matrix]);
  const colourOf = useMemo(() => new Map(assign(keys).map((c, i) => [keys[i], c])), [keys]);
  const isByReplica = panel.replicas && matrix.replicas.length > 0;
  const curves = useMemo(() => curvesOf(matrix, panel, colourOf, hidden), [matrix, panel.display, isByReplica, colourOf, hidden]);
  const extent = useMemo(() => extentOf(curves), [curves]);
  const isDense = curves.length * matrix.times.length > DENSE_FROM;
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
      yRange: () => airy(extent, panel.yMin),
      yAxisText: (values) => values.map((value) => short(value * extent.unit)),
      onSelect: (from, to) => select.current(from, to),
    };
    const drawn = heat ? drawHeat(heat, matrix, frame, at) : drawCurves({ curves, extent, isDense, matrix, exemplars, panel, common }, frame, at);
    plot.current = drawn;
    return () => drawn.destroy();
  }, [curves, heat, exemplars, width, panel.yMin, shownTheme.value, zone.value]);
  useEffect(() => {
    // Where there are many points, drawing all of them again would take too long.
    if (heat || !plot.current || isDense) return;
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

function curvesOf(matrix: Matrix, panel: Panel, colourOf: ReadonlyMap<string, number>, hidden: ReadonlySet<string>): Curve[] {
  if (panel.replicas && matrix.replicas.length) return byReplica(matrix);
  const lines = matrix.lines.filter((line) => !hidden.has(keyOf(line.labels)));
  const curves = plainCurves(lines, colourOf);
  return panel.display === "stacked" ? stacked(curves) : curves;
}

interface Drawn {
  curves: Curve[];
  extent: Extent;
  isDense: boolean;
  matrix: Matrix;
  exemplars: Exemplar[];
  panel: Panel;
  common: Labels;
}

function drawCurves({ curves, extent, isDense, matrix, exemplars, panel, common }: Drawn, frame: Frame, host: HTMLElement): uPlot {
  const options = frameOptions(frame, host);
  const palette = colours(shownTheme.value === "dark");
  const isStacked = panel.display === "stacked" && !panel.replicas;
  const strokes = curves.map((curve) => palette[curve.colour % palette.length]);
  const { unit } = extent;
  const width = isStacked ? 1 : 1.6;
  let stop = () => {};
  const overLines = (u: uPlot) => {
    drawExemplars(u, exemplars, unit, host);
    host.setAttribute("aria-busy", "false");
  };
  const draw = (u: uPlot) => {
    stop();
    host.setAttribute("aria-busy", "true");
    if (isDense) stop = drawDense(u, curves, { strokes, width, isStacked, unit }, () => overLines(u));
    else overLines(u);
  };
  for (const stroke of strokes) {
    options.series.push(isDense ? { auto: false, paths: () => null, points: { show: false } } : {
      stroke,
      width,
      auto: false,
      fill: isStacked ? `${stroke}59` : undefined,
      points: { size: 5, fill: stroke, width: 0 },
      spanGaps: false,
    });
  }
  if (isStacked && !isDense) options.bands = curves.slice(1).map((_, i) => ({ series: [i + 1, i + 2], fill: `${strokes[i]}59` }));
  if (!isDense) options.focus = { alpha: 0.22 };
  const tooltip = tooltipOf({ curves, strokes, common, exemplars, unit });
  const leave = () => (stop(), tooltip.remove());
  options.hooks = { ...options.hooks, setCursor: [tooltip.move], draw: [draw], destroy: [leave] };
  const columns = isDense ? curves.map((curve) => curve.drawn) : curves.map((curve) => withGaps(curve.drawn, unit));
  return new uPlot(options, [matrix.times, ...columns] as uPlot.AlignedData, host);
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
