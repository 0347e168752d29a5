/** Samples of the text that /metrics is. */

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const PAIR = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Record<string, string> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** The samples of one name. */
export function family(text: string, name: string): Sample[] {
  const found: Sample[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith(name)) continue;
    const parts = LINE.exec(line);
    if (!parts || parts[1] !== name) continue;
    const pairs = [...(parts[2] ?? "").matchAll(PAIR)].map(([, label, value]) => [label, value.replace(/\\[n"\\]/g, (e) => ESCAPES[e])]);
    found.push({ labels: Object.fromEntries(pairs), value: Number(parts[3]) });
  }
  return found;
}

/** The only sample of a name without labels. */
export function single(text: string, name: string): number | null {
  return family(text, name)[0]?.value ?? null;
}
