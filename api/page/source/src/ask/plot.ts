/** Graphs as uPlot draws them: what all of them have in common. */

import uPlot from "uplot";
import { colour } from "../app/theme";
import { zone } from "../words/times";

const DAY = 86_400;
const DAY_CHANGE = "\n{D} {MMM}";
const YEAR_CHANGE = "\n{D} {MMM} {YYYY}";
// Columns: least distance of ticks, their text, what is added when year, month, day … change; 1 appends.
const TICKS: (string | number | null)[][] = [
  [DAY * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [DAY * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [DAY, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", YEAR_CHANGE, null, DAY_CHANGE, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", YEAR_CHANGE, null, DAY_CHANGE, null, null, null, 1],
  [0.001, "{ss}.{fff}", YEAR_CHANGE, null, DAY_CHANGE, null, "\n{HH}:{mm}", null, 1],
];

export interface Frame {
  width: number;
  height: number;
  /** Seconds. */
  start: number;
  end: number;
  yAxisText: (values: number[]) => string[];
  yRange: () => [number, number];
  onSelect: (startMs: number, endMs: number) => void;
}

/** Options without any series: axes, scales, and dragging over a range. */
export function frameOptions(frame: Frame, host: Element): uPlot.Options {
  const ink = colour("--ink-3", host);
  const line = colour("--line", host);
  const font = `11px ${getComputedStyle(host).fontFamily}`;
  const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
  return {
    width: frame.width,
    height: frame.height,
    padding: [10, 20, 0, 0],
    legend: { show: false },
    tzDate: (s) => (zone.value ? uPlot.tzDate(new Date(s * 1000), zone.value) : new Date(s * 1000)),
    scales: {
      x: { time: true, range: () => [frame.start, frame.end] },
      y: { range: () => frame.yRange() },
    },
    axes: [
      { ...axis, values: TICKS as uPlot.Axis.Values, size: 42, gap: 8, space: 80 },
      {
        ...axis,
        values: (_u, values) => frame.yAxisText(values),
        size: (_u, values) => 18 + 6.4 * Math.max(4, ...(values ?? []).map((v) => String(v).length)),
        gap: 6,
        space: 36,
      },
    ],
    series: [{}],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: 6 },
    },
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const from = u.posToVal(u.select.left, "x");
          const to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          frame.onSelect(from * 1000, to * 1000);
        },
      ],
    },
  };
}
