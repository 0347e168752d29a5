/** Asks range queries and turns their answers into columns, away from the thread that draws. */

import { buffersOf, toMatrix, type RangeData } from "./matrix";

export interface RangeRequest {
  id: number;
  url: string;
  headers: Record<string, string>;
  body: string;
  start: number;
  end: number;
  step: number;
}

const underWay = new Map<number, AbortController>();

self.onmessage = async (event: MessageEvent<RangeRequest | { id: number; abort: true }>) => {
  const request = event.data;
  if ("abort" in request) {
    underWay.get(request.id)?.abort();
    return;
  }
  const abort = new AbortController();
  underWay.set(request.id, abort);
  try {
    await answer(request, abort.signal);
  } catch (error) {
    self.postMessage({ id: request.id, failed: String(error) });
  } finally {
    underWay.delete(request.id);
  }
};

async function answer(request: RangeRequest, signal: AbortSignal): Promise<void> {
  const { id, url, headers, body, start, end, step } = request;
  const response = await fetch(url, { method: "POST", headers, body, signal });
  const text = await response.text();
  if (!response.ok) {
    self.postMessage({ id, status: response.status, text });
    return;
  }
  const parsed = JSON.parse(text) as { data: RangeData; warnings?: string[]; infos?: string[] };
  const matrix = toMatrix(parsed.data, start, end, step);
  const rest = { warnings: parsed.warnings ?? [], infos: parsed.infos ?? [], bytes: text.length };
  self.postMessage({ id, matrix, ...rest }, { transfer: buffersOf(matrix) });
}
