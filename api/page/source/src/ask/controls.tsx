/** The controls of a panel: range, end, resolution, and how it is shown. */

import { useEffect, useState } from "preact/hooks";
import { Icon } from "../app/icons";
import { parseDuration, showDuration } from "../words/durations";
import { parseTime, showTime, zoneName } from "../words/times";
import { nextRange, type Dedup, type Display, type Panel, type Resolution } from "./address";

export interface ControlsProps {
  panel: Panel;
  onChange: (changes: Partial<Panel>) => void;
}

/** A text that counts when it is confirmed; what cannot be read is marked and left. */
function Confirmed({ value, label, width, hint, parse, onSet }: { value: string; label: string; width: string; hint?: string; parse: (text: string) => boolean; onSet: (text: string) => void }) {
  const [text, setText] = useState(value);
  const [isWrong, setWrong] = useState(false);
  useEffect(() => {
    setText(value);
    setWrong(false);
  }, [value]);
  const confirm = () => {
    if (text === value) return;
    const isRight = parse(text);
    setWrong(!isRight);
    if (isRight) onSet(text);
  };
  return (
    <input class="field" style={{ width }} aria-label={label} title={label} placeholder={hint} value={text} aria-invalid={isWrong}
      onInput={(event) => setText(event.currentTarget.value)} onBlur={confirm}
      onKeyDown={(event) => event.key === "Enter" && confirm()} />
  );
}

export function RangeControls({ panel, onChange }: ControlsProps) {
  return (
    <div class="group" role="group" aria-label="Range">
      <button type="button" class="button icon" aria-label="Shorter range" onClick={() => onChange({ rangeMs: nextRange(panel.rangeMs, -1) })}><Icon name="minus" /></button>
      <Confirmed value={showDuration(panel.rangeMs)} label="Range" width="76px" parse={(text) => parseDuration(text) !== null}
        onSet={(text) => onChange({ rangeMs: parseDuration(text)! })} />
      <button type="button" class="button icon" aria-label="Longer range" onClick={() => onChange({ rangeMs: nextRange(panel.rangeMs, 1) })}><Icon name="plus" /></button>
    </div>
  );
}

export function TimeControl({ panel, onChange }: ControlsProps) {
  const read = (text: string) => (text.trim() === "" || text.trim() === "now" ? null : parseTime(text, parseDuration));
  const isRange = panel.tab === "graph";
  const move = (direction: 1 | -1) => {
    const end = panel.endMs ?? Date.now();
    const next = end + (direction * panel.rangeMs) / 2;
    onChange({ endMs: next >= Date.now() ? null : Math.floor(next / 1000) * 1000 });
  };
  return (
    <div class="group" role="group" aria-label={isRange ? "End of the range" : "Time"}>
      {isRange && <button type="button" class="button icon" aria-label="Earlier" onClick={() => move(-1)}>‹</button>}
      <Confirmed value={panel.endMs === null ? "" : showTime(panel.endMs)} hint="now" width="158px"
        label={`${isRange ? "End of the range" : "Time"} (${zoneName()}); also now-1h, or seconds since 1970`}
        parse={(text) => text.trim() === "" || text.trim() === "now" || read(text) !== null}
        onSet={(text) => onChange({ endMs: read(text) })} />
      {isRange && <button type="button" class="button icon" aria-label="Later" disabled={panel.endMs === null} onClick={() => move(1)}>›</button>}
      {panel.endMs !== null && <button type="button" class="button" onClick={() => onChange({ endMs: null })}>Now</button>}
    </div>
  );
}

const RESOLUTIONS: [string, string][] = [
  ["auto-low", "Low"],
  ["auto-medium", "Medium"],
  ["auto-high", "High"],
  ...["10s", "30s", "1m", "5m", "15m", "1h"].map((text): [string, string] => [`fixed-${parseDuration(text)! / 1000}`, `Step ${text}`]),
];

function resolutionName(resolution: Resolution): string {
  return resolution.kind === "auto" ? `auto-${resolution.density}` : `${resolution.kind}-${resolution.seconds}`;
}

function resolutionOf(name: string): Resolution {
  const [kind, rest] = name.split("-");
  if (kind === "auto") return { kind, density: rest as "low" | "medium" | "high" };
  return { kind: kind as "fixed" | "custom", seconds: Number(rest) };
}

export function ResolutionControl({ panel, onChange }: ControlsProps) {
  const name = resolutionName(panel.resolution);
  const isOther = !RESOLUTIONS.some(([known]) => known === name);
  return (
    <select class="select" aria-label="Resolution" value={name} onChange={(event) => onChange({ resolution: resolutionOf(event.currentTarget.value) })}>
      {RESOLUTIONS.map(([value, label]) => <option value={value} key={value}>{label}</option>)}
      {isOther && <option value={name}>Step {showDuration((panel.resolution as { seconds: number }).seconds * 1000)}</option>}
    </select>
  );
}

const DISPLAYS: [Display, string][] = [["lines", "Lines"], ["stacked", "Stacked"], ["heatmap", "Heat map"]];
const DEDUPS: [Dedup, string][] = [
  ["", "Replicas as one"],
  ["auto", "As one: auto"],
  ["penalty", "As one: penalty"],
  ["chain", "As one: chain"],
  ["false", "Each replica"],
];

/** isHeat: whether it is a heat map without being asked for. */
export function DisplayControl({ panel, onChange, isHeat }: ControlsProps & { isHeat: boolean }) {
  const drawn = isHeat ? "heatmap" : panel.display;
  return (
    <div class="choice" role="group" aria-label="Kind of graph">
      {DISPLAYS.map(([value, label]) => (
        <button type="button" key={value} aria-pressed={drawn === value} onClick={() => onChange({ display: value })}>{label}</button>
      ))}
    </div>
  );
}

export function DedupControl({ panel, onChange }: ControlsProps) {
  return (
    <select class="select" aria-label="Replicas" value={panel.dedup} onChange={(event) => onChange({ dedup: event.currentTarget.value as Dedup })}>
      {DEDUPS.map(([value, label]) => <option value={value} key={value}>{label}</option>)}
    </select>
  );
}

/** What is wanted more rarely. */
export function DrawingControls({ panel, onChange }: ControlsProps) {
  return (
    <div class="stack drawing">
      <Toggle label="Y axis from zero" value={panel.yMin === 0} onSet={(on) => onChange({ yMin: on ? 0 : null })} />
      <Toggle label="Exemplars" value={panel.exemplars} onSet={(on) => onChange({ exemplars: on })} />
      <Toggle label="Colour by replica" value={panel.replicas} onSet={(on) => onChange({ replicas: on })} />
      <p class="quiet small">Shows which replica each point came from; for plain selectors.</p>
    </div>
  );
}

export function Toggle({ label, value, onSet }: { label: string; value: boolean; onSet: (on: boolean) => void }) {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" checked={value} onChange={(event) => onSet(event.currentTarget.checked)} />
      {label}
    </label>
  );
}
