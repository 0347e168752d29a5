/** Numbers for people. What a sample is worth is shown as the server wrote it, and only here rounded. */

const COUNT = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return Number.isFinite(value) ? COUNT.format(Math.round(value)) : "–";
}

/** `1.2 k`, `3.4 M`: three digits; beyond these `1.2e+15`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (size === 0) return "0";
  if (size >= 1e15) return value.toExponential(2);
  for (const [unit, least] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]] as const) {
    if (size >= least) return `${trim((value / least).toPrecision(3))} ${unit}`;
  }
  return size < 1e-3 ? value.toExponential(2) : trim(value.toPrecision(4));
}

function trim(text: string): string {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : trim(size.toPrecision(3))} ${units[unit]}`;
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const value = share * 100;
  return `${value !== 0 && Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** The value of a sample as a number: NaN, +Inf and -Inf are texts in JSON. */
export function sampleValue(text: string): number {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
