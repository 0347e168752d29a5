/** Which page is open. Addresses are `ui/<page>?…`, and every link of the page carries the tenant. */

import { signal } from "@preact/signals";
import { root } from "../server/client";
import { tenant } from "../server/session";

export const page = signal(pageOf(location.pathname));
/** The query string, without its question mark; changes with every step in the history. */
export const search = signal(location.search.slice(1));

function pageOf(path: string): string {
  return path.split("/").pop() || "ask";
}

export function hrefOf(to: string, params: Record<string, string> = {}): string {
  const form = new URLSearchParams(params);
  if (tenant.value) form.set("tenant", tenant.value);
  const text = form.toString();
  return `${root}/ui/${to}${text ? `?${text}` : ""}`;
}

export function go(href: string): void {
  history.pushState(null, "", href);
  arrive();
  window.scrollTo(0, 0);
}

/** Write the state of a page into the address; `push` makes a step that Back undoes. */
export function writeSearch(text: string, push: boolean): void {
  if (text === search.value) return;
  const href = `${location.pathname}${text ? `?${text}` : ""}`;
  if (push) history.pushState(null, "", href);
  else history.replaceState(null, "", href);
  search.value = text;
}

function arrive(): void {
  page.value = pageOf(location.pathname);
  search.value = location.search.slice(1);
  tenant.value = new URLSearchParams(location.search).get("tenant") ?? "";
}

export function setTenant(name: string): void {
  const form = new URLSearchParams(search.value);
  if (name) form.set("tenant", name);
  else form.delete("tenant");
  tenant.value = name;
  writeSearch(form.toString(), true);
}

/** A parameter of a page's own, kept in the address. */
export function param(name: string): string {
  return new URLSearchParams(search.value).get(name) ?? "";
}

export function setParam(name: string, value: string, push = false): void {
  setParams({ [name]: value }, push);
}

/** Several at once, so that Back undoes them together; an empty one is left out. */
export function setParams(values: Readonly<Record<string, string>>, push = false): void {
  const form = new URLSearchParams(search.value);
  for (const [name, value] of Object.entries(values)) {
    if (value) form.set(name, value);
    else form.delete(name);
  }
  writeSearch(form.toString(), push);
}

/** Take over links within the page, and steps back and forth. */
export function install(): void {
  window.addEventListener("popstate", arrive);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest?.("a");
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
    if (!link.pathname.startsWith(`${root}/ui/`) || link.pathname.split("/").pop()!.includes(".")) return;
    event.preventDefault();
    go(link.href);
  });
}
