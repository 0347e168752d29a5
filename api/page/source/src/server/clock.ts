/** How far the clock of this browser is from that of the server: "now" is the browser's. */

import { signal } from "@preact/signals";

/** What is no fault of the network, milliseconds. */
const TOLERATED_MS = 30_000;

/** Seconds that the browser is ahead, 0 where it is about right. */
export const skew = signal(0);

/** Take note of when an answer was written; its header counts whole seconds. */
export function noteTime(date: string | null, now = Date.now()): void {
  const written = Date.parse(date ?? "");
  if (Number.isNaN(written)) return;
  const ahead = now - written - 500;
  skew.value = Math.abs(ahead) > TOLERATED_MS ? Math.round(ahead / 1000) : 0;
}
