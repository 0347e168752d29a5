/** Times: seconds or milliseconds since 1970 in the state, local time or UTC for people. */

import { signal } from "@preact/signals";

const ZONE_KEY = "cupola.zone";

/** "UTC", or "" for the zone of the browser. */
export const zone = signal(storedZone());

function storedZone(): string {
  try {
    return localStorage.getItem(ZONE_KEY) === "local" ? "" : "UTC";
  } catch {
    return "UTC";
  }
}

export function setZone(value: string): void {
  zone.value = value;
  try {
    localStorage.setItem(ZONE_KEY, value === "" ? "local" : "utc");
  } catch {
    // It holds until the page is left, then.
  }
}

const kept = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone.value}|${name}`;
  let found = kept.get(key);
  if (!found) {
    const timeZone = zone.value || undefined;
    found = new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...options });
    kept.set(key, found);
  }
  return found;
}

function partsOf(ms: number): Record<string, string> {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
  return Object.fromEntries(format("parts", options).formatToParts(ms).map((p) => [p.type, p.value]));
}

/** `2026-11-30 14:03:00` in the chosen zone, with milliseconds where there are any. */
export function showTime(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const p = partsOf(ms);
  const rest = Math.round(ms) % 1000;
  const fraction = rest ? `.${String(rest).padStart(3, "0")}` : "";
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}${fraction}`;
}

/** `30 Nov, 14:03`. */
export function shortTime(ms: number): string {
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const;
  return format("short", options).format(ms);
}

/** `30 Nov`. */
export function shortDay(ms: number): string {
  return format("day", { day: "numeric", month: "short" }).format(ms);
}

/** The name of the zone at a time: `UTC`, `GMT+5:30`. */
export function zoneName(ms = Date.now()): string {
  const parts = format("zone", { timeZoneName: "short" }).formatToParts(ms);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? "UTC";
}

/** Text of Prometheus' URLs, always UTC: `2026-11-30 14:03:00`. */
export function addressTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** The milliseconds of a text of a URL (UTC), or null. */
export function parseAddressTime(text: string): number | null {
  const clean = text.trim();
  if (/^\d{9,11}(\.\d+)?$/.test(clean)) return Number(clean) * 1000;
  const shape = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?))?(Z|[+-]\d{2}:?\d{2})?$/;
  const found = shape.exec(clean);
  if (!found) return null;
  const ms = Date.parse(`${found[1]}T${found[2] ?? "00:00"}${found[3] ?? "Z"}`);
  return Number.isNaN(ms) ? null : ms;
}

/** What people type as a time: `now-1h`, unix seconds, ISO 8601; without a zone, in the chosen one. */
export function parseTime(text: string, parseLength: (text: string) => number | null, now = Date.now()): number | null {
  const clean = text.trim();
  const relative = /^now(?:\s*-\s*(.+))?$/.exec(clean);
  if (relative) {
    if (relative[1] === undefined) return now;
    const length = parseLength(relative[1]);
    return length === null ? null : now - length;
  }
  const ms = parseAddressTime(clean);
  if (ms === null || zone.value === "UTC" || /(Z|[+-]\d{2}:?\d{2})$/.test(clean) || /^\d{9,}/.test(clean)) return ms;
  return new Date(clean.length === 10 ? `${clean}T00:00` : clean.replace(" ", "T")).getTime();
}

/** How long ago, in words. */
export function ago(ms: number, now = Date.now()): string {
  const s = (now - ms) / 1000;
  if (s < 1.5) return "now";
  if (s < 90) return `${Math.round(s)} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 172_800) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86_400)} d ago`;
}
