import { expect, test } from "vitest";
import { emptyPanel, nextRange, PANELS_MAX, readPanels, stepSeconds, writePanels, type Panel } from "../../src/ask/address";

const END = Date.UTC(2026, 10, 30, 14, 3, 0);

test("a link of an alert", () => {
  const [panel, ...others] = readPanels("g0.expr=up+%3D%3D+0&g0.tab=1");
  expect(others).toEqual([]);
  expect(panel).toMatchObject({ expr: "up == 0", tab: "table", endMs: null, rangeMs: 3_600_000 });
});

test.each([
  ["g0.expr=a&g0.tab=0", { tab: "graph" }],
  ["g0.expr=a&g0.tab=explain", { tab: "explain" }],
  ["g0.expr=a&g0.range_input=2d&g0.end_input=2026-11-30%2014:03:00", { rangeMs: 172_800_000, endMs: END }],
  ["g0.expr=a&g0.moment_input=2026-11-30 14:03:00", { endMs: END }],
  ["g0.expr=a&g0.stacked=1", { display: "stacked" }],
  ["g0.expr=a&g0.stacked=1&g0.display_mode=lines", { display: "lines" }],
  ["g0.expr=a&g0.step_input=15", { resolution: { kind: "custom", seconds: 15 } }],
  ["g0.expr=a&g0.step_input=15&g0.res_type=auto&g0.res_density=high", { resolution: { kind: "auto", density: "high" } }],
  ["g0.expr=a&g0.res_type=fixed&g0.res_step=0.5", { resolution: { kind: "fixed", seconds: 0.5 } }],
  ["g0.expr=a&g0.res_type=fixed&g0.res_step=-1", { resolution: { kind: "auto", density: "medium" } }],
  ["g0.expr=a&g0.deduplicate=0", { dedup: "false" }],
  ["g0.expr=a&g0.dedup=nonsense", { dedup: "" }],
  ["g0.expr=a&g0.y_axis_min=0", { yMin: 0 }],
  ["g0.expr=a&g0.range_input=nonsense", { rangeMs: 3_600_000 }],
])("%s", (search, wanted) => expect(readPanels(search)[0]).toMatchObject(wanted));

test("panels end at the first number without an expression", () => {
  expect(readPanels("g0.expr=a&g2.expr=c").map((p) => p.expr)).toEqual(["a"]);
  const many = Array.from({ length: 50 }, (_, i) => `g${i}.expr=a`).join("&");
  expect(readPanels(many)).toHaveLength(PANELS_MAX);
  expect(readPanels("")).toEqual([]);
});

test("what is written is read again", () => {
  const full: Panel = {
    expr: 'sum by (x) (rate(a{b=~"c|d &+%"}[5m]))', tab: "table", rangeMs: 5_400_000, endMs: END,
    resolution: { kind: "custom", seconds: 7.5 }, display: "heatmap", yMin: -2, exemplars: true,
    showTree: true, dedup: "penalty", replicas: true,
  };
  const panels = [full, { ...emptyPanel(), expr: "up" }];
  const text = writePanels(panels, "a|b");
  expect(readPanels(text)).toEqual(panels);
  expect(new URLSearchParams(text).get("tenant")).toBe("a|b");
});

test("steps", () => {
  const panel = emptyPanel();
  expect(stepSeconds(panel)).toBe(14);
  expect(stepSeconds({ ...panel, rangeMs: 60_000 })).toBe(1);
  expect(stepSeconds({ ...panel, resolution: { kind: "fixed", seconds: 1 }, rangeMs: 86_400_000 * 30 })).toBe(236);
});

test("ranges by button", () => {
  expect(nextRange(3_600_000, 1)).toBe(7_200_000);
  expect(nextRange(3_700_000, -1)).toBe(3_600_000);
  expect(nextRange(1000, -1)).toBe(1000);
});
