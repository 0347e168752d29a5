/** A list of which only what is seen is there, however long it is. Rows have one height. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface VirtualProps {
  count: number;
  rowHeight: number;
  /** Pixels; the list is as high as its rows, up to this. */
  maxHeight: number;
  row: (index: number) => ComponentChildren;
  label: string;
  role?: "list" | "rowgroup";
  class?: string;
}

const MORE = 6;

export function Virtual({ count, rowHeight, maxHeight, row, label, role = "list", class: name = "" }: VirtualProps) {
  const host = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const height = Math.min(maxHeight, count * rowHeight);
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - MORE, count - 1));
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + MORE);
  useEffect(() => {
    // A shorter list than before may end above where one was.
    if (host.current && top > count * rowHeight) host.current.scrollTop = 0;
  }, [count]);
  const isLong = count * rowHeight > maxHeight;
  return (
    <div ref={host} class={`virtual ${name}`} style={{ maxHeight }} role={role} aria-label={label} tabIndex={isLong ? 0 : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <div class="rows" role="presentation" style={{ height: count * rowHeight }}>
        <div class="window" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {Array.from({ length: Math.max(0, end - first) }, (_, i) => row(first + i))}
        </div>
      </div>
    </div>
  );
}
