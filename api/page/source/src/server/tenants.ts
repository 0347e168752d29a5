/** The tenants that whoever asks may read. */

import { effect, signal } from "@preact/signals";
import { ask } from "./client";
import { credential } from "./session";

/** Null as long as it is not known. */
export const tenants = signal<string[] | null>(null);

/** Why they are not known. */
export const tenantsError = signal<Error | null>(null);

/** What the server takes who names no tenant to mean. */
export const DEFAULT = "default";

export async function loadTenants(): Promise<void> {
  try {
    tenants.value = (await ask<{ tenants: string[] }>("status/tenants")).data.tenants;
    tenantsError.value = null;
  } catch (error) {
    tenantsError.value = error as Error;
  }
}

effect(() => {
  void credential.value;
  void loadTenants();
});
