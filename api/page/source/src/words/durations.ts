/** Durations of Prometheus (`1h30m`), in milliseconds. */

const UNITS: [string, number][] = [
  ["y", 365 * 86_400_000],
  ["w", 7 * 86_400_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];
const SHAPE = /^(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;

/** The milliseconds of a duration, or null if it is none. */
export function parseDuration(text: string): number | null {
  const clean = text.trim();
  if (clean === "" || !SHAPE.test(clean)) return null;
  let total = 0;
  for (const [, count, unit] of clean.matchAll(/(\d+)(ms|[ywdhms])/g)) {
    total += Number(count) * UNITS.find(([name]) => name === unit)![1];
  }
  return total > 0 ? total : null;
}

/** The shortest exact text; weeks and years only where they are whole. */
export function showDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return "0s";
  for (const [unit, size] of UNITS.slice(0, 2)) {
    if (rest % size === 0) return `${rest / size}${unit}`;
  }
  let text = "";
  for (const [unit, size] of UNITS.slice(2)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/** About how long, with one or two units: `3 min`, `2 h 5 min`, `4.2 s`. */
export function aboutDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const size = Math.abs(seconds);
  if (size < 0.0009995) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (size < 1) return `${(seconds * 1000).toFixed(size < 0.01 ? 1 : 0)} ms`;
  if (size < 90) return `${seconds.toFixed(size < 10 ? 1 : 0)} s`;
  const parts: [string, number][] = [["d", 86_400], ["h", 3600], ["min", 60]];
  for (const [index, [unit, length]] of parts.entries()) {
    if (size < length && index < 2) continue;
    const first = Math.floor(size / length);
    const next = parts[index + 1];
    const second = next ? Math.floor((size - first * length) / next[1]) : 0;
    return second && first < 10 ? `${first} ${unit} ${second} ${next[0]}` : `${first} ${unit}`;
  }
  return `${seconds} s`;
}
