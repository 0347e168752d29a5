import { expect, test } from "vitest";
import { byReplica, plainCurves, shares, stacked } from "../../src/ask/curves";
import { heatOf } from "../../src/ask/heat";
import { clicked } from "../../src/ask/legend";
import { buffersOf, LINES_MAX, toMatrix, type RangeData } from "../../src/ask/matrix";

function data(...result: RangeData["result"]): RangeData {
  return { resultType: "matrix", result };
}

test("values lie at their steps, with gaps between them", () => {
  const matrix = toMatrix(data({ metric: { a: "1" }, values: [[10, "1"], [30, "NaN"], [40, "+Inf"]] }), 10, 40, 10);
  expect([...matrix.times]).toEqual([10, 20, 30, 40]);
  expect([...matrix.lines[0].values]).toEqual([1, NaN, NaN, Infinity]);
  expect(buffersOf(matrix)).toHaveLength(2);
});

test("steps that are no whole seconds", () => {
  const matrix = toMatrix(data({ metric: {}, values: [[0.1, "1"], [0.3, "3"]] }), 0, 0.3, 0.1);
  expect([...matrix.lines[0].values]).toEqual([NaN, 1, NaN, 3]);
});

test("more series than are drawn are counted", () => {
  const rows = Array.from({ length: LINES_MAX + 5 }, (_, i) => ({ metric: { i: String(i) }, values: [] }));
  const matrix = toMatrix(data(...rows), 0, 1, 1);
  expect([matrix.lines.length, matrix.total]).toEqual([LINES_MAX, LINES_MAX + 5]);
});

test("stacks: a gap counts as nothing, and where no line is there is none", () => {
  const matrix = toMatrix(
    data({ metric: { n: "1" }, values: [[0, "1"], [1, "1"]] }, { metric: { n: "2" }, values: [[0, "2"], [2, "2"]] }), 0, 3, 1,
  );
  const curves = stacked(plainCurves(matrix.lines, new Map()));
  expect(curves.map((curve) => [...curve.drawn])).toEqual([[3, 1, 2, NaN], [2, 0, 2, NaN]]);
  expect([...curves[0].values]).toEqual([1, 1, NaN, NaN]);
});

test("by replica: each has its steps and the way to them", () => {
  const [a, b] = [{ replica: "a" }, { replica: "b" }];
  const matrix = toMatrix(
    data({ metric: {}, values: [[0, "1"], [1, "2"], [2, "3"]], replicas: [a, a, b] }), 0, 2, 1,
  );
  const curves = byReplica(matrix);
  expect(curves.map((curve) => [curve.replica, [...curve.drawn]])).toEqual([[a, [1, 2, NaN]], [b, [NaN, 2, 3]]]);
  expect(shares(matrix)).toEqual([2, 1]);
});

test("classic buckets are what lies between two bounds, over all groups", () => {
  const bucket = (le: string, job: string, value: string) => ({ metric: { le, job }, values: [[0, value]] as [number, string][] });
  const matrix = toMatrix(
    data(bucket("+Inf", "x", "10"), bucket("1", "x", "4"), bucket("1", "y", "1"), bucket("+Inf", "y", "1")), 0, 0, 1,
  );
  const heat = heatOf(matrix)!;
  expect(heat.rows).toEqual([{ lower: -Infinity, upper: 1 }, { lower: 1, upper: Infinity }]);
  expect(heat.cells.map((cells) => [...cells])).toEqual([[5], [6]]);
  expect(heat.most).toBe(6);
});

test("native buckets are cells as they are", () => {
  const buckets: [number, string, string, string][] = [[0, "1", "2", "3"], [0, "0.5", "1", "1"]];
  const matrix = toMatrix(data({ metric: {}, histograms: [[1, { buckets }]] }), 0, 1, 1);
  const heat = heatOf(matrix)!;
  expect(heat.rows).toEqual([{ lower: 0.5, upper: 1 }, { lower: 1, upper: 2 }]);
  expect(heat.cells.map((cells) => [...cells])).toEqual([[0, 1], [0, 3]]);
  expect(heatOf(toMatrix(data({ metric: {}, values: [[0, "1"]] }), 0, 1, 1))).toBeNull();
});

test("the legend: one alone, all again, and one by one", () => {
  const keys = ["a", "b", "c"];
  const alone = clicked("b", keys, new Set(), false);
  expect([...alone]).toEqual(["a", "c"]);
  expect([...clicked("b", keys, alone, false)]).toEqual([]);
  expect([...clicked("a", keys, alone, false)]).toEqual(["b", "c"]);
  expect([...clicked("a", keys, alone, true)]).toEqual(["c"]);
  expect([...clicked("b", keys, new Set(), true)]).toEqual(["b"]);
});
