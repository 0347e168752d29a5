/** The panels of the query page, as the address has them, and the expressions asked before. */

import { effect, signal } from "@preact/signals";
import { page, search, writeSearch } from "../app/route";
import { tenant } from "../server/session";
import { emptyPanel, PANELS_MAX, readPanels, writePanels, type Panel } from "./address";

export interface Shown {
  /** Stays with the panel while others come and go. */
  id: number;
  panel: Panel;
}

let lastId = 0;
const shown = (panel: Panel): Shown => ({ id: (lastId += 1), panel });

export const panels = signal<Shown[]>([]);
let written = "";

/** Follow the address: once at the start, and with each step in the history. */
effect(() => {
  if (page.value !== "ask") return;
  if (search.value === written && panels.peek().length) return;
  written = search.value;
  const read = readPanels(search.value);
  if (!read.length && new URLSearchParams(search.value).has("expr")) {
    read.push({ ...emptyPanel(), expr: new URLSearchParams(search.value).get("expr")! });
  }
  const old = panels.peek();
  // What stays keeps its place, so that a step back does not build everything anew.
  panels.value = (read.length ? read : [emptyPanel()]).map((panel, i) => (old[i] ? { id: old[i].id, panel } : shown(panel)));
});

function write(push: boolean): void {
  written = writePanels(panels.value.map((one) => one.panel), tenant.value);
  writeSearch(written, push);
}

export function change(id: number, changes: Partial<Panel>, push = true): void {
  panels.value = panels.value.map((one) => (one.id === id ? { id, panel: { ...one.panel, ...changes } } : one));
  write(push);
}

export function addPanel(from: Partial<Panel> = {}): void {
  if (panels.value.length >= PANELS_MAX) return;
  panels.value = [...panels.value, shown({ ...emptyPanel(), ...from })];
  write(true);
}

export function removePanel(id: number): void {
  const rest = panels.value.filter((one) => one.id !== id);
  panels.value = rest.length ? rest : [shown(emptyPanel())];
  write(true);
}

const HISTORY_KEY = "cupola.history";
const HISTORY_MAX = 50;

export function asked(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(HISTORY_KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function remember(expr: string): void {
  if (!expr.trim()) return;
  try {
    const list = [expr, ...asked().filter((one) => one !== expr)].slice(0, HISTORY_MAX);
    localStorage.setItem(HISTORY_KEY, JSON.stringify(list));
  } catch {
    // Without storage there is no history.
  }
}
