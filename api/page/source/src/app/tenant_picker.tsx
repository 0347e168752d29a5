/** Which tenants are asked: one, or several together. */

import { Menu } from "../parts/menu";
import { DEFAULT, loadTenants, tenants } from "../server/tenants";
import { tenant } from "../server/session";
import { useState } from "preact/hooks";
import { setTenant } from "./route";

const MANY = 12;

export function TenantPicker() {
  const chosen = tenant.value ? tenant.value.split("|") : [DEFAULT];
  const text = chosen.length > 2 ? `${chosen.length} tenants` : chosen.join(" + ");
  return (
    <Menu label={`Tenant: ${chosen.join(", ")}`} align="left" isNamed buttonClass="picker" button={<><span class="quiet">Tenant </span><bdi class="clip">{text}</bdi></>}>
      {(close) => <Choices chosen={chosen} close={close} />}
    </Menu>
  );
}

function Choices({ chosen, close }: { chosen: string[]; close: () => void }) {
  const [filter, setFilter] = useState("");
  const known = tenants.value ?? [];
  const names = [...new Set([...known, ...chosen])].sort();
  const found = names.filter((name) => name.toLowerCase().includes(filter.trim().toLowerCase()));
  const toggle = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
    if (next.length) setTenant(next.sort().join("|"));
  };
  const only = (name: string) => {
    close();
    setTenant(name);
  };
  return (
    <div class="stack">
      {names.length > MANY && (
        <input class="field" aria-label="Find a tenant, or name one" placeholder="Find or name one" value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)} onKeyDown={(event) => event.key === "Enter" && filter.trim() && only(filter.trim())} />
      )}
      <ul class="picks tenants">
        {found.slice(0, 200).map((name) => (
          <li key={name}>
            <input type="checkbox" aria-label={`Also ${name}`} checked={chosen.includes(name)} onChange={() => toggle(name)} />
            <button type="button" onClick={() => only(name)}><bdi class="clip">{name}</bdi></button>
          </li>
        ))}
      </ul>
      <button type="button" class="link" onClick={() => void loadTenants()}>Look for new ones</button>
    </div>
  );
}
