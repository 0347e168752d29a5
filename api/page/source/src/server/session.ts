/** Who asks, and for which tenants. A credential lives as long as the tab. */

import { signal } from "@preact/signals";

const KEY = "cupola.credential";

/** What X-Scope-OrgID says; "" for none. Several tenants have `|` between them. */
export const tenant = signal(new URLSearchParams(location.search).get("tenant") ?? "");

/** The header Authorization of this tab; "" where there is none. */
export const credential = signal(stored());

/** Whether the server has refused whoever this is. */
export const signInNeeded = signal(false);

function stored(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function keep(header: string): void {
  credential.value = header;
  signInNeeded.value = false;
  try {
    if (header) sessionStorage.setItem(KEY, header);
    else sessionStorage.removeItem(KEY);
  } catch {
    // It holds until the page is left, then.
  }
}

export function signInWithToken(token: string): void {
  keep(`Bearer ${token.trim()}`);
}

export function signInWithPassword(name: string, password: string): void {
  const raw = new TextEncoder().encode(`${name}:${password}`);
  keep(`Basic ${btoa(String.fromCharCode(...raw))}`);
}

export function signOut(): void {
  keep("");
  signInNeeded.value = true;
}
