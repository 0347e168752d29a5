/** A few figures with their names, and bars. */

import type { ComponentChildren } from "preact";

export function Facts({ facts }: { facts: [string, ComponentChildren, string?][] }) {
  return (
    <dl class="facts">
      {facts.map(([label, value, note]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
          {note && <dd class="quiet small">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

/** How much of a whole; red when it is nearly all. */
export function Bar({ share, label }: { share: number; label: string }) {
  const width = Math.max(0, Math.min(1, share));
  const kind = share >= 0.95 ? "bad" : share >= 0.8 ? "warn" : "";
  return <span class={`meter ${kind}`} role="img" aria-label={label}><i style={{ width: `${width * 100}%` }} /></span>;
}

/** Choices of which one counts. */
export function Choice({ label, value, choices, onSet }: { label: string; value: string; choices: [string, string][]; onSet: (value: string) => void }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {choices.map(([name, text]) => (
        <button type="button" key={name} aria-pressed={value === name} onClick={() => onSet(name)}>{text}</button>
      ))}
    </div>
  );
}
