/** The frame of every page: the names of all pages, the tenant, the zone, the theme. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { credential, signOut } from "../server/session";
import { setZone, zone, zoneName } from "../words/times";
import { Dome, Icon } from "./icons";
import { GROUPS, PAGES } from "./pages";
import { hrefOf, page } from "./route";
import { TenantPicker } from "./tenant_picker";
import { nextTheme, theme } from "./theme";

export function Shell({ children }: { children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [page.value]);
  return (
    <div class="shell">
      <a class="skip" href="#content">To the content</a>
      <div class="top">
        <button type="button" class="button bare icon" aria-label="Pages" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}><Icon name="menu" size={20} /></button>
        <span class="top-title">{PAGES.get(page.value)?.title ?? "Cupola"}</span>
        <a class="brand" href={hrefOf("ask")} aria-label="Cupola"><Dome /></a>
      </div>
      {isOpen && <button type="button" class="veil" aria-label="Close the list of pages" onClick={() => setOpen(false)} />}
      <header class={`side ${isOpen ? "open" : ""}`} onKeyDown={(event) => event.key === "Escape" && setOpen(false)}>
        <a class="brand" href={hrefOf("ask")}><Dome /> Cupola</a>
        <TenantPicker />
        <nav aria-label="Pages">
          {GROUPS.map(([group, pages]) => (
            <div key={group}>
              <h2>{group}</h2>
              {pages.map(({ name, icon, title }) => (
                <a key={name} href={hrefOf(name)} aria-current={page.value === name ? "page" : undefined}><Icon name={icon} />{title}</a>
              ))}
            </div>
          ))}
        </nav>
        <div class="foot">
          <button type="button" class="button bare" aria-label={`Times in ${zone.value ? "UTC" : "local time"}; change`} onClick={() => setZone(zone.value ? "" : "UTC")}><Icon name="clock" />{zoneName()}</button>
          <ThemeButton />
          {credential.value && <button type="button" class="button bare" onClick={signOut}>Sign out</button>}
        </div>
      </header>
      <main class="content" id="content" tabIndex={-1}>{children}</main>
    </div>
  );
}

const THEMES: Record<string, [string, string]> = { "": ["auto", "Auto"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

function ThemeButton() {
  const [icon, label] = THEMES[theme.value];
  return <button type="button" class="button bare" aria-label={`Theme: ${label}; change`} onClick={nextTheme}><Icon name={icon} />{label}</button>;
}

/** The title of a page, what it is about, and its tools. */
export function Head({ title, children, tools }: { title: string; children?: ComponentChildren; tools?: ComponentChildren }) {
  return (
    <div class="head">
      <div>
        <h1>{title}</h1>
        {children && <p>{children}</p>}
      </div>
      {tools && <div class="tools">{tools}</div>}
    </div>
  );
}
