/** Queries, asked by a worker. */

import { encode, headersFor, Refusal, refusal, root, type Answer, type Params } from "../server/client";
import type { Reply, Request, Steps } from "./answers.worker";
import type { InstantData } from "./instant";
import type { Matrix } from "./matrix";

let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, (reply: Reply) => void>();

function theWorker(): Worker {
  if (worker === null) {
    worker = new Worker(new URL("./answers.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<Reply>) => waiting.get(event.data.id)?.(event.data);
    worker.onerror = () => {
      // It could not be loaded, or has died of an answer: the next request gets another one.
      worker?.terminate();
      worker = null;
      for (const [id, give] of waiting) give({ id, failed: "The part of this page that reads answers has failed: reload the page." });
    };
  }
  return worker;
}

/** Throws Refusal, or AbortError when the signal says so. */
export async function askRange(params: Params & { start: number; end: number; step: number }, signal: AbortSignal): Promise<Answer<Matrix>> {
  const { start, end, step } = params;
  const { reply, took } = await asked("query_range", params, { start, end, step }, signal);
  return { data: reply.matrix!, warnings: reply.warnings ?? [], infos: reply.infos ?? [], took };
}

/** Throws the same. */
export async function askInstant(params: Params, signal: AbortSignal): Promise<Answer<InstantData>> {
  const { reply, took } = await asked("query", params, null, signal);
  return { data: reply.instant!, warnings: reply.warnings ?? [], infos: reply.infos ?? [], took };
}

async function asked(path: string, params: Params, steps: Steps, signal: AbortSignal): Promise<{ reply: Reply; took: number }> {
  const began = performance.now();
  const id = (last += 1);
  const request: Request = {
    id,
    url: new URL(`${root}/api/v1/${path}`, location.href).href,
    headers: { ...headersFor(), "Content-Type": "application/x-www-form-urlencoded" },
    body: encode(params),
    steps,
  };
  const reply = await new Promise<Reply>((resolve, reject) => {
    waiting.set(id, resolve);
    signal.addEventListener("abort", () => {
      worker?.postMessage({ id, abort: true });
      reject(new DOMException("canceled", "AbortError"));
    });
    theWorker().postMessage(request);
  }).finally(() => waiting.delete(id));
  if (reply.status !== undefined) throw refusal(reply.status, reply.text ?? "");
  if (reply.failed) throw new Error(reply.failed);
  if (!reply.matrix && !reply.instant) throw new Refusal(0, "network", "The server cannot be reached.");
  return { reply, took: performance.now() - began };
}
