import { expect, test } from "vitest";
import { lanesOf, resolutionName, type Segment } from "../../src/store/segment";
import { leastWidth } from "../../src/parts/grid";
import { branchesOf } from "../../src/ask/parsed";

const segment = (ulid: string, minTime: number, maxTime: number, level = 0, resolution = 0) => ({ ulid, minTime, maxTime, level, resolution }) as Segment;

test("a lane for each resolution and level, and another one for what overlaps", () => {
  const lanes = lanesOf([segment("c", 0, 10, 1), segment("b", 5, 15), segment("a", 0, 10), segment("d", 10, 20), segment("e", 0, 20, 2, 300)]);
  expect(lanes.map((lane) => [lane.resolution, lane.level, lane.segments.map((s) => s.ulid)])).toEqual([
    [0, 0, ["a", "d"]],
    [0, 0, ["b"]],
    [0, 1, ["c"]],
    [300, 2, ["e"]],
  ]);
  expect([0, 300, 3600].map(resolutionName)).toEqual(["raw", "5 min", "1 h"]);
});

test("columns need their least widths and what is between them", () => {
  expect(leastWidth(["minmax(100px, 1fr)", "80px"])).toBe(100 + 80 + 14 + 24);
});

test("a tree without figures", () => {
  const selector = { type: "vectorSelector", name: "up", matchers: [{ name: "__name__", type: "=", value: "up" }, { name: "job", type: "=~", value: "a.*" }] };
  const tree = branchesOf({ type: "aggregation", op: "sum", grouping: ["x"], without: false, param: null, expr: { type: "call", func: { name: "rate" }, args: [{ ...selector, type: "matrixSelector", range: 300_000 }] } });
  expect(tree.text).toBe("sum by (x) (…)");
  expect(tree.children[0].text).toBe("rate(…)");
  expect(tree.children[0].children[0].text).toBe('up{job=~"a.*"}[5m]');
});
