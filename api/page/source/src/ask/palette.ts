/** Colours of series: by a hash of the label set, so that a series keeps its own between panels and reloads. */

/** Told apart by the colour-blind, too (the first eight after Okabe and Ito), on either ground. */
const LIGHT = ["#0072b2", "#d55e00", "#00875f", "#b5518f", "#a06a00", "#2a8fc4", "#7a5bc7", "#c2334d", "#4e7d1a", "#8c5a3c", "#18818a", "#aa3fb0", "#5569c9", "#b26a25", "#3f8f52", "#6b7280"];
const DARK = ["#56a8e8", "#f08a4b", "#3cc596", "#e08cc0", "#e6b84a", "#7fcdf0", "#ad97f2", "#f2788d", "#98cc5c", "#cfa182", "#54c4cd", "#d885de", "#95a6f5", "#eaa868", "#7fd192", "#a9afb8"];

export function colours(dark: boolean): string[] {
  return dark ? DARK : LIGHT;
}

export function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** A number of a colour for each key: its own by hash, or the next that is free while there are any. */
export function assign(keys: readonly string[], size = LIGHT.length): number[] {
  const taken = new Array<number>(size).fill(0);
  return keys.map((key, index) => {
    const round = Math.floor(index / size);
    let at = hash(key) % size;
    while (taken[at] > round) at = (at + 1) % size;
    taken[at] += 1;
    return at;
  });
}
