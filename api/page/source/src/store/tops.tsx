/** The largest of something, with bars. */

import type { Count } from "./counts";
import { visible } from "../words/labels";
import { count } from "../words/numbers";

export function Tops({ title, rows, total, onPick, pickTitle }: { title: string; rows: readonly Count[]; total: number; onPick?: (name: string) => void; pickTitle?: string }) {
  const most = Math.max(total > 0 && rows.every((row) => row.value <= total) ? total : 0, ...rows.map((row) => row.value), 1);
  return (
    <section class="tops" aria-label={title}>
      <h3>{title}</h3>
      {rows.length === 0 && <p class="quiet small">None</p>}
      <ul>
        {rows.map((row) => (
          <li key={row.name}>
            <i class="fill" style={{ width: `${(row.value / most) * 100}%` }} />
            {onPick ? <button type="button" class="link clip mono" title={pickTitle} onClick={() => onPick(row.name)}><bdi>{visible(row.name, 120)}</bdi></button> : <bdi class="clip mono">{visible(row.name, 120)}</bdi>}
            <span class="number">{count(row.value)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
