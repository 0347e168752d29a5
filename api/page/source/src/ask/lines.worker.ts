/** Draws curves of many points to pictures: on a canvas of the page each frame would draw them again. */

import type { Columns } from "./columns";

export interface Begin {
  job: number;
  /** Pixels of the canvas. */
  width: number;
  height: number;
  lineWidth: number;
  isStacked: boolean;
}
export interface Part {
  job: number;
  curves: { stroke: string; columns: Columns }[];
  isLast: boolean;
}
/** What was drawn since the picture before. */
export interface Picture {
  job: number;
  bitmap: ImageBitmap;
  isLast: boolean;
}

/** So often something is seen of what takes long, milliseconds. */
const SHOW_MS = 250;

let begun: Begin | null = null;
let canvas = new OffscreenCanvas(1, 1);
let context: OffscreenCanvasRenderingContext2D | null = null;
/** Of a stack the curve that waits for the one below it. */
let held: Part["curves"][number] | null = null;
let shownAt = 0;

self.onmessage = ({ data }: MessageEvent<Begin | Part>) => {
  if ("width" in data) begin(data);
  // A part of a graph that is no longer wanted.
  else if (data.job === begun?.job) draw(data, begun);
};

function begin(wanted: Begin): void {
  begun = wanted;
  held = null;
  shownAt = performance.now();
  canvas = new OffscreenCanvas(wanted.width, wanted.height);
  context = canvas.getContext("2d");
}

function draw(part: Part, { job, isStacked, lineWidth, height }: Begin): void {
  if (!context) return;
  context.lineWidth = lineWidth;
  context.lineJoin = "bevel";
  for (const curve of part.curves) {
    if (!isStacked) stroke(context, curve);
    else if (held) fill(context, held, curve.columns, height);
    held = curve;
  }
  if (part.isLast && isStacked && held) fill(context, held, null, height);
  if (!part.isLast && performance.now() - shownAt < SHOW_MS) return;
  shownAt = performance.now();
  const picture: Picture = { job, bitmap: canvas.transferToImageBitmap(), isLast: part.isLast };
  self.postMessage(picture, { transfer: [picture.bitmap] });
}

function fill(on: OffscreenCanvasRenderingContext2D, curve: Part["curves"][number], below: Columns | null, bottom: number): void {
  on.fillStyle = `${curve.stroke}59`;
  on.fill(areaOf(curve.columns, below, bottom));
  stroke(on, curve);
}

function stroke(on: OffscreenCanvasRenderingContext2D, curve: Part["curves"][number]): void {
  on.strokeStyle = curve.stroke;
  on.stroke(pathOf(curve.columns));
}

/** Through the first, the extremes and the last value of each column. */
function pathOf({ high, low, first, last, joined }: Columns): Path2D {
  const path = new Path2D();
  for (let at = 0; at < first.length; at += 1) {
    if (Number.isNaN(first[at])) continue;
    const x = at + 0.5;
    if (joined[at]) path.lineTo(x, first[at]);
    else path.moveTo(x, first[at]);
    if (high[at] !== low[at]) {
      path.lineTo(x, high[at]);
      path.lineTo(x, low[at]);
      path.lineTo(x, last[at]);
    } else if (!joined[at]) path.lineTo(x + 2, last[at]);
  }
  return path;
}

/** Between a curve and the one below it, or the bottom. */
function areaOf(of: Columns, below: Columns | null, bottom: number): Path2D {
  const path = new Path2D();
  let run: number[] = [];
  const close = () => {
    run.forEach((at, index) => (index ? path.lineTo(at + 0.5, of.high[at]) : path.moveTo(at + 0.5, of.high[at])));
    for (const at of run.reverse()) path.lineTo(at + 0.5, below ? below.high[at] : bottom);
    run = [];
  };
  for (let at = 0; at < of.high.length; at += 1) {
    if (Number.isNaN(of.high[at])) continue;
    if (!of.joined[at]) close();
    run.push(at);
  }
  close();
  return path;
}
