/** Curves of many points, drawn by a worker, so that the page goes on answering meanwhile. */

import type uPlot from "uplot";
import { buffersOfColumns, columnsOf } from "./columns";
import type { Curve } from "./curves";
import type { Begin, Part, Picture } from "./lines.worker";
import { inSlices } from "./slices";

/** With more points than these a graph is drawn here and not by uPlot, which draws all at once. */
export const DENSE_FROM = 20_000;

export interface DenseLook {
  strokes: readonly string[];
  /** Pixels of the screen. */
  width: number;
  isStacked: boolean;
  /** What is drawn as 1. */
  unit: number;
}

let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, (picture: Picture) => void>();

function theWorker(): Worker {
  if (worker === null) {
    worker = new Worker(new URL("./lines.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Picture>) => {
      waiting.get(data.job)?.(data);
      data.bitmap.close();
    };
  }
  return worker;
}

/** Begins to draw; the answer stops it. done: called when all is drawn. */
export function drawDense(u: uPlot, curves: readonly Curve[], look: DenseLook, done: () => void): () => void {
  const { left, top, width, height } = u.bbox;
  const job = (last += 1);
  const begin: Begin = { job, width, height, lineWidth: look.width * devicePixelRatio, isStacked: look.isStacked };
  theWorker().postMessage(begin);
  waiting.set(job, ({ bitmap, isLast }) => {
    u.ctx.drawImage(bitmap, left, top);
    if (!isLast) return;
    waiting.delete(job);
    done();
  });
  const [least, most] = [u.scales.y.min ?? 0, u.scales.y.max ?? 1];
  const y = (value: number) => height - ((value / look.unit - least) / (most - least)) * height;
  const column = Int32Array.from(u.data[0], (time) => Math.min(width - 1, Math.max(0, Math.round(u.valToPos(time, "x", true) - left))));
  const send = (from: number, end: number) => {
    const part: Part = { job, curves: [], isLast: end === curves.length };
    for (let at = from; at < end; at += 1) {
      part.curves.push({ stroke: look.strokes[at], columns: columnsOf(curves[at].drawn, column, width, y) });
    }
    theWorker().postMessage(part, part.curves.flatMap(({ columns }) => buffersOfColumns(columns)));
  };
  const stop = inSlices(curves.length, send, () => {});
  return () => {
    stop();
    waiting.delete(job);
  };
}
