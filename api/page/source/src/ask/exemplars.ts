/** Exemplars: single observations with a trace, drawn over the lines of the series they belong to. */

import type uPlot from "uplot";
import { colour } from "../app/theme";
import { ask } from "../server/client";
import type { Labels } from "../words/labels";
import { sampleValue } from "../words/numbers";

export interface Exemplar {
  series: Labels;
  labels: Labels;
  /** Seconds. */
  time: number;
  value: number;
}

const DRAWN_MAX = 2_000;

interface Group {
  seriesLabels: Labels;
  exemplars: { labels: Labels; value: string; timestamp: number }[];
}

export async function askExemplars(query: string, start: number, end: number, signal: AbortSignal): Promise<Exemplar[]> {
  const { data } = await ask<Group[] | null>("query_exemplars", { query, start, end }, { signal, method: "POST" });
  const all = (data ?? []).flatMap((group) =>
    group.exemplars.map(({ labels, value, timestamp }) => ({ series: group.seriesLabels, labels, time: timestamp, value: sampleValue(value) })),
  );
  // Evenly thinned out, where there are more than can be told apart.
  const every = Math.ceil(all.length / DRAWN_MAX);
  return all.filter((_, index) => index % every === 0);
}

const SIZE = 4.5;

/** unit: what is drawn as 1. */
export function positionOf(u: uPlot, exemplar: Exemplar, unit: number): [number, number] {
  const [least, most] = [u.scales.y.min ?? 0, u.scales.y.max ?? 1];
  // What one observation took need not be on the scale of a rate: it is shown at the edge, then.
  const value = Math.min(Math.max(exemplar.value / unit, least), most);
  return [u.valToPos(exemplar.time, "x"), u.valToPos(value, "y")];
}

export function drawExemplars(u: uPlot, exemplars: readonly Exemplar[], unit: number, host: Element): void {
  if (!exemplars.length) return;
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour("--surface", host);
  ctx.strokeStyle = colour("--ink", host);
  ctx.lineWidth = 1.3 * ratio;
  for (const exemplar of exemplars) {
    const [x, y] = positionOf(u, exemplar, unit).map((v) => v * ratio);
    const [left, top] = [x + u.bbox.left, y + u.bbox.top];
    const size = SIZE * ratio;
    ctx.beginPath();
    ctx.moveTo(left, top - size);
    ctx.lineTo(left + size, top);
    ctx.lineTo(left, top + size);
    ctx.lineTo(left - size, top);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}
