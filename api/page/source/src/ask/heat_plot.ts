/** The cells of histograms over time on a canvas; dark is much, pale is little. */

import uPlot from "uplot";
import { colour } from "../app/theme";
import { short } from "../words/numbers";
import { showTime } from "../words/times";
import type { Heat } from "./heat";
import type { Matrix } from "./matrix";
import { frameOptions, type Frame } from "./plot";
import { element, place } from "./tooltip";

const SHADES = 12;

export function drawHeat(heat: Heat, matrix: Matrix, frame: Frame, host: HTMLElement): uPlot {
  const rows = heat.rows.length;
  const step = matrix.times.length > 1 ? matrix.times[1] - matrix.times[0] : 1;
  const options = frameOptions(
    {
      ...frame,
      yRange: () => [0, Math.max(1, rows)],
      yAxisText: (values) => values.map((v) => (Number.isInteger(v) ? boundary(heat, v) : "")),
    },
    host,
  );
  for (const axis of options.axes ?? []) axis.grid = { show: false };
  options.series.push({ show: true, paths: () => null, points: { show: false } });
  const box = element("div", "tooltip");
  box.hidden = true;
  options.hooks = {
    ...options.hooks,
    drawAxes: [(u) => cells(u, heat, matrix, step, host)],
    setCursor: [(u) => point(u, box, heat, matrix)],
    draw: [() => host.setAttribute("aria-busy", "false")],
    destroy: [() => box.remove()],
  };
  const middle = new Array<number>(matrix.times.length).fill(rows / 2);
  return new uPlot(options, [matrix.times, middle] as unknown as uPlot.AlignedData, host);
}

/** The bound between row v-1 and row v. */
function boundary(heat: Heat, v: number): string {
  const row = heat.rows[v];
  if (row) return short(row.lower);
  const last = heat.rows[v - 1];
  return last ? short(last.upper) : "";
}

function cells(u: uPlot, heat: Heat, matrix: Matrix, step: number, host: Element): void {
  const { ctx } = u;
  const accent = colour("--accent", host);
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.fillStyle = accent;
  // Shade by shade, so that the canvas changes its state a dozen times and not for each cell.
  for (let shade = 1; shade <= SHADES; shade += 1) {
    ctx.globalAlpha = 0.08 + (0.92 * shade) / SHADES;
    heat.cells.forEach((counts, row) => {
      const top = Math.round(u.valToPos(row + 1, "y", true));
      const height = Math.max(1, Math.round(u.valToPos(row, "y", true)) - top - 1);
      for (let at = 0; at < counts.length; at += 1) {
        if (shadeOf(counts[at], heat.most) !== shade) continue;
        const left = Math.round(u.valToPos(matrix.times[at] - step, "x", true));
        const right = Math.round(u.valToPos(matrix.times[at], "x", true));
        ctx.fillRect(left, top, Math.max(1, right - left), height);
      }
    });
  }
  ctx.restore();
}

/** Roots, so that rare cells are seen beside frequent ones. */
function shadeOf(value: number, most: number): number {
  return value > 0 ? Math.max(1, Math.ceil(Math.sqrt(value / most) * SHADES)) : 0;
}

function point(u: uPlot, box: HTMLElement, heat: Heat, matrix: Matrix): void {
  if (!box.parentElement) u.over.append(box);
  const { left = -1, top = -1 } = u.cursor;
  const row = heat.rows[Math.floor(u.posToVal(top, "y"))];
  if (left < 0 || !row) {
    box.hidden = true;
    return;
  }
  const time = u.posToVal(left, "x");
  const at = matrix.times.findIndex((t) => t >= time);
  const value = at < 0 ? 0 : heat.cells[heat.rows.indexOf(row)][at];
  box.replaceChildren(
    element("time", "quiet", showTime((matrix.times[at] ?? time) * 1000)),
    element("strong", "value", short(value)),
    element("span", "mono", `${short(row.lower)} to ${short(row.upper)}`),
  );
  place(box, u, left, top);
}
