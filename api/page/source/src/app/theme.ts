/** Light, dark, or as the browser says. Canvases read `shownTheme` and draw again when it changes. */

import { computed, effect, signal } from "@preact/signals";

export type Theme = "light" | "dark" | "";
const KEY = "cupola.theme";
const media = matchMedia("(prefers-color-scheme: dark)");
const prefersDark = signal(media.matches);
media.addEventListener("change", (event) => (prefersDark.value = event.matches));

export const theme = signal<Theme>((document.documentElement.dataset.theme as Theme) ?? "");
export const shownTheme = computed(() => theme.value || (prefersDark.value ? "dark" : "light"));

export function nextTheme(): void {
  theme.value = theme.value === "" ? "light" : theme.value === "light" ? "dark" : "";
}

effect(() => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
  try {
    if (theme.value) localStorage.setItem(KEY, theme.value);
    else localStorage.removeItem(KEY);
  } catch {
    // It holds until the page is left, then.
  }
});

/** The colour that a custom property has now, as a canvas takes it. */
export function colour(name: string, of: Element = document.documentElement): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  of.appendChild(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
