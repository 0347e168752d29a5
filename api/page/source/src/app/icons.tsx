/** Pictures of 16 units, drawn in the colour of the text. */

const PATHS: Record<string, string> = {
  query: "M2 12.5l3.5-5 3 2.5L14 3.5M2 14.5h12",
  metrics: "M2.5 3h11M2.5 8h7.5M2.5 13h4.5",
  tenants: "M2.5 14V6L8 2.5 13.5 6v8zM6.5 14v-4h3v4",
  replicas: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  refused: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM4 12l8-8",
  rules: "M3 3.5h10M3 8h10M3 12.5h6M12 11v3M10.5 12.5h3",
  alerts: "M8 2.2a4 4 0 0 0-4 4c0 4-1.5 5-1.5 5h11s-1.5-1-1.5-5a4 4 0 0 0-4-4zM6.6 13.5a1.6 1.6 0 0 0 2.8 0",
  queries: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 5v3.2l2.2 1.4",
  segments: "M2 4h5M9 4h5M2 8h3M7 8h7M2 12h8M12 12h2",
  head: "M2.5 4.5C2.5 3 13.5 3 13.5 4.5S2.5 6 2.5 4.5zM2.5 4.5v7c0 1.5 11 1.5 11 0v-7M2.5 8c0 1.5 11 1.5 11 0",
  cardinality: "M3 13.5V9M6.5 13.5V3M10 13.5V6M13.5 13.5v-3",
  status: "M2.5 3.5h11v4h-11zM2.5 9.5h11v3.5h-11zM5 5.5h.01M5 11.2h.01",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13.3 9.6A5.6 5.6 0 0 1 6.4 2.7 5.6 5.6 0 1 0 13.3 9.6z",
  auto: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 2.2v11.6M8 5h3.5M8 8h5.5M8 11h3.5",
  clock: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 4.8V8l2.3 1.5",
  history: "M2.6 8a5.4 5.4 0 1 1 1.7 3.9M2.3 13v-3h3M8 5v3.2l2.2 1.3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  play: "M5 3.2l7.5 4.8L5 12.8z",
  stop: "M4.5 4.5h7v7h-7z",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  check: "M3 8.5l3.2 3.2L13 4.8",
  warning: "M8 2.5l6 11H2zM8 6.8v3M8 11.7v.01",
  sort: "M5 3v10M2.8 10.8L5 13l2.2-2.2M11 13V3M8.8 5.2L11 3l2.2 2.2",
  refresh: "M13.4 8a5.4 5.4 0 1 1-1.7-3.9M13.7 3v3h-3",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor"
      stroke-width={name === "more" ? 2.2 : 1.4} stroke-linecap="round" stroke-linejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The dome with its lantern. */
export function Dome({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor"
      stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">
      <path d="M4.5 17a7.5 7.5 0 0 1 15 0M3 20h18M12 9.5V5.5M10.5 5.5h3M12 17V9.5M8.3 17c0-3.3 1.5-7.5 3.7-7.5M15.7 17c0-3.3-1.5-7.5-3.7-7.5M12 3.2v.1" />
    </svg>
  );
}
