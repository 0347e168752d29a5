/** Rates of counters between two looks at them. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Sample } from "./exposition";

interface Look {
  at: number;
  samples: Sample[];
}

/** Per second by tenant, over up to a dozen looks; nothing before the second one. */
export function useRates(look: Look | null): ReadonlyMap<string, number> {
  const looks = useRef<Look[]>([]);
  const [rates, setRates] = useState<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    if (!look) return;
    looks.current = [...looks.current, look].slice(-12);
    if (looks.current.length > 1) setRates(between(looks.current[0], look));
  }, [look]);
  return rates;
}

export function between(first: Look, last: Look): Map<string, number> {
  const before = new Map(first.samples.map((sample) => [sample.labels.tenant, sample.value]));
  const seconds = (last.at - first.at) / 1000;
  return new Map(last.samples.map(({ labels, value }) => [labels.tenant, Math.max(0, value - (before.get(labels.tenant) ?? 0)) / seconds]));
}
