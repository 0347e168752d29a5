/** What is under the cursor, in words; made of text nodes only. */

import type uPlot from "uplot";
import { shown, visible, type Labels } from "../words/labels";
import { showTime } from "../words/times";
import { short } from "../words/numbers";
import type { Curve } from "./curves";
import { positionOf, type Exemplar } from "./exemplars";

export interface Tooltip {
  move: (u: uPlot) => void;
  remove: () => void;
}

const NEAR = 40;

export function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export function place(box: HTMLElement, u: uPlot, left: number, top: number): void {
  box.hidden = false;
  const width = box.offsetWidth;
  const toLeft = left + width + 28 > u.over.clientWidth;
  box.style.transform = `translate(${Math.max(0, toLeft ? left - width - 14 : left + 14)}px, ${Math.max(0, Math.min(top, u.over.clientHeight - box.offsetHeight))}px)`;
}

export interface TooltipOf {
  curves: readonly Curve[];
  strokes: readonly string[];
  common: Labels;
  exemplars: readonly Exemplar[];
  /** What is drawn as 1. */
  unit: number;
}

export function tooltipOf({ curves, strokes, common, exemplars, unit }: TooltipOf): Tooltip {
  const box = element("div", "tooltip");
  box.hidden = true;
  const dot = element("i", "dot");
  dot.hidden = true;
  const without = new Set(Object.keys(common).filter((name) => name !== "__name__"));
  const move = (u: uPlot) => {
    if (!box.parentElement) u.over.append(dot, box);
    const { left = -1, top = -1, idx } = u.cursor;
    if (left < 0 || idx === null || idx === undefined) {
      box.hidden = dot.hidden = true;
      return;
    }
    const exemplar = nearExemplar(u, exemplars, unit, left, top);
    if (exemplar) {
      dot.hidden = true;
      fillExemplar(box, exemplar);
      place(box, u, left, top);
      return;
    }
    const at = nearest(u, curves, unit, idx, top);
    box.hidden = dot.hidden = at < 0;
    if (at < 0) return;
    const curve = curves[at];
    const x = u.valToPos(u.data[0][idx], "x");
    dot.style.transform = `translate(${x}px, ${u.valToPos(curve.drawn[idx] / unit, "y")}px)`;
    dot.style.background = strokes[at];
    fill(box, curve, idx, u.data[0][idx], strokes[at], without);
    place(box, u, x, top - 20);
  };
  const remove = () => box.remove();
  return { move, remove };
}

/** The curve that is drawn next to the cursor at a step, -1 if none is near. */
function nearest(u: uPlot, curves: readonly Curve[], unit: number, idx: number, top: number): number {
  let best = -1;
  let least = curves.length === 1 ? Infinity : Math.max(NEAR, u.over.clientHeight / 4);
  for (let i = 0; i < curves.length; i += 1) {
    const value = curves[i].drawn[idx];
    if (!Number.isFinite(value)) continue;
    const distance = Math.abs(u.valToPos(value / unit, "y") - top);
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}

function nearExemplar(u: uPlot, exemplars: readonly Exemplar[], unit: number, left: number, top: number): Exemplar | null {
  for (const exemplar of exemplars) {
    const [x, y] = positionOf(u, exemplar, unit);
    if (Math.abs(x - left) < 7 && Math.abs(y - top) < 7) return exemplar;
  }
  return null;
}

function fill(box: HTMLElement, curve: Curve, idx: number, time: number, stroke: string, without: ReadonlySet<string>): void {
  const value = element("strong", "value", short(curve.values[idx]));
  value.style.borderColor = stroke;
  const parts = [element("time", "quiet", showTime(time * 1000)), value, element("span", "labels mono", shown(curve.labels, without))];
  if (curve.replica) parts.push(element("span", "replica", `from ${shown(curve.replica)}`));
  box.replaceChildren(...parts);
}

function fillExemplar(box: HTMLElement, exemplar: Exemplar): void {
  const rows = Object.entries(exemplar.labels).map(([name, value]) => element("span", "mono", `${visible(name, 60)} = ${visible(value, 120)}`));
  box.replaceChildren(
    element("time", "quiet", `Exemplar, ${showTime(exemplar.time * 1000)}`),
    element("strong", "value", String(exemplar.value)),
    ...rows,
    element("span", "labels mono quiet", shown(exemplar.series)),
  );
}
