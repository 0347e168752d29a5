/** Label sets: texts of strangers, which may be long, point the wrong way, or look like markup. */

export type Labels = Record<string, string>;

// Marks that change the direction of what follows, or that show nothing at all.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** The text with every mark that would not be seen spelled out. */
export function visible(text: string, most = 300): string {
  const cut = text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
  return cut.replace(UNSEEN, (mark) => `‹U+${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}›`);
}

/** What tells two series apart, in a fixed order. */
export function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

const PLAIN = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function pair(name: string, value: string, operator = "="): string {
  return `${PLAIN_LABEL.test(name) ? name : quote(name)}${operator}${quote(value)}`;
}

/** The selector of exactly these labels. */
export function selector(labels: Labels): string {
  const name = labels.__name__ ?? "";
  const others = Object.entries(labels).filter(([label]) => label !== "__name__").map(([l, v]) => pair(l, v));
  if (PLAIN.test(name)) return others.length ? `${name}{${others.join(", ")}}` : name;
  return `{${[...(name ? [quote(name)] : []), ...others].join(", ")}}`;
}

/** A metric as it is written in an expression. */
export function metricSelector(name: string): string {
  return PLAIN.test(name) ? name : `{${quote(name)}}`;
}

/** For people: the name and the labels on one line, with nothing unseen in it. */
export function shown(labels: Labels, without: ReadonlySet<string> = new Set()): string {
  const parts = Object.entries(labels)
    .filter(([label]) => label !== "__name__" && !without.has(label))
    .map(([label, value]) => `${visible(label, 60)}="${visible(value, 80)}"`);
  const name = without.has("__name__") ? "" : visible(labels.__name__ ?? "", 120);
  if (parts.length) return `${name}{${parts.join(", ")}}`;
  return name || "{}";
}

/** The labels that all sets have with the same value; nothing for a single one. */
export function shared(sets: readonly Labels[]): Labels {
  if (sets.length < 2) return {};
  return Object.fromEntries(
    Object.entries(sets[0]).filter(([label, value]) => sets.every((set) => set[label] === value)),
  );
}

/** Labels in the order of people: the name first, then by alphabet. */
export function namesOf(sets: readonly Labels[]): string[] {
  const found = new Set<string>();
  for (const set of sets) for (const label in set) found.add(label);
  return [...found].sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : a < b ? -1 : 1));
}
