/** Range queries, asked by a worker. */

import { encode, headersFor, Refusal, refusal, root, type Answer, type Params } from "../server/client";
import type { Matrix } from "./matrix";
import type { RangeRequest } from "./ranges.worker";

interface Reply {
  id: number;
  matrix?: Matrix;
  warnings?: string[];
  infos?: string[];
  status?: number;
  text?: string;
  failed?: string;
}

let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, (reply: Reply) => void>();

function theWorker(): Worker {
  if (worker === null) {
    worker = new Worker(new URL("./ranges.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<Reply>) => waiting.get(event.data.id)?.(event.data);
  }
  return worker;
}

/** Throws Refusal, or AbortError when the signal says so. */
export async function askRange(params: Params & { start: number; end: number; step: number }, signal: AbortSignal): Promise<Answer<Matrix>> {
  const began = performance.now();
  const id = (last += 1);
  const request: RangeRequest = {
    id,
    url: new URL(`${root}/api/v1/query_range`, location.href).href,
    headers: { ...headersFor(), "Content-Type": "application/x-www-form-urlencoded" },
    body: encode(params),
    start: params.start,
    end: params.end,
    step: params.step,
  };
  const reply = await new Promise<Reply>((resolve, reject) => {
    waiting.set(id, resolve);
    signal.addEventListener("abort", () => {
      theWorker().postMessage({ id, abort: true });
      reject(new DOMException("canceled", "AbortError"));
    });
    theWorker().postMessage(request);
  }).finally(() => waiting.delete(id));
  if (reply.status !== undefined) throw refusal(reply.status, reply.text ?? "");
  if (!reply.matrix) throw new Refusal(0, "network", "The server cannot be reached.");
  return { data: reply.matrix, warnings: reply.warnings ?? [], infos: reply.infos ?? [], took: performance.now() - began };
}
