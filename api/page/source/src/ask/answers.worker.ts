/** Asks queries and makes of their answers what is shown, away from the thread that draws. */

import { cut, type InstantData, type ServedInstant } from "./instant";
import { buffersOf, toMatrix, type Matrix, type RangeData } from "./matrix";

/** The steps of a range query; null for an instant one. */
export type Steps = { start: number; end: number; step: number } | null;

export interface Request {
  id: number;
  url: string;
  headers: Record<string, string>;
  body: string;
  steps: Steps;
}

/** What became of a request: an answer, a refusal, or nothing. */
export interface Reply {
  id: number;
  matrix?: Matrix;
  instant?: InstantData;
  warnings?: string[];
  infos?: string[];
  status?: number;
  text?: string;
  failed?: string;
}

const underWay = new Map<number, AbortController>();

self.onmessage = async (event: MessageEvent<Request | { id: number; abort: true }>) => {
  const request = event.data;
  if ("abort" in request) {
    underWay.get(request.id)?.abort();
    return;
  }
  const abort = new AbortController();
  underWay.set(request.id, abort);
  try {
    const response = await answerOf(request, abort.signal);
    if (!response) return;
    await answer(request, response);
  } catch (error) {
    if (!abort.signal.aborted) self.postMessage({ id: request.id, failed: `The answer cannot be read: ${error}` });
  } finally {
    underWay.delete(request.id);
  }
};

async function answerOf({ id, url, headers, body }: Request, signal: AbortSignal): Promise<Response | null> {
  try {
    return await fetch(url, { method: "POST", headers, body, signal });
  } catch {
    if (!signal.aborted) self.postMessage({ id });
    return null;
  }
}

async function answer({ id, steps }: Request, response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) {
    self.postMessage({ id, status: response.status, text });
    return;
  }
  const parsed = JSON.parse(text) as { data: RangeData | ServedInstant; warnings?: string[]; infos?: string[] };
  const rest = { id, warnings: parsed.warnings ?? [], infos: parsed.infos ?? [] };
  if (steps === null) {
    self.postMessage({ ...rest, instant: cut(parsed.data as ServedInstant) });
    return;
  }
  const matrix = toMatrix(parsed.data as RangeData, steps.start, steps.end, steps.step);
  self.postMessage({ ...rest, matrix }, { transfer: buffersOf(matrix) });
}
