import { expect, test, vi } from "vitest";
import type { Curve } from "../../src/ask/curves";
import { columnsOf } from "../../src/ask/columns";
import { airy, extentOf, withGaps } from "../../src/ask/extent";
import { inSlices } from "../../src/ask/slices";

const curve = (...values: number[]): Curve => ({ key: "", labels: {}, values: Float64Array.from(values), drawn: Float64Array.from(values), colour: 0, replica: null });

test.each([
  [[1, NaN, 3], [1, 3, 1]],
  [[Infinity, -2, -Infinity, 5], [-2, 5, 1]],
  [[NaN, Infinity], [null, null, 1]],
  [[1e300, -2e300], [-2e300, 1e300, 1e300]],
  [[4e-12], [4e-12, 4e-12, 1e-12]],
  [[0, 0], [0, 0, 1]],
])("what %j lies between", (values, [least, most, unit]) => {
  const extent = extentOf([curve(...values)]);
  expect([extent.least, extent.most]).toEqual([least, most]);
  expect(extent.unit / unit!).toBeCloseTo(1);
});

test.each([
  [{ least: 10, most: 20, unit: 1 }, null, [9.4, 20.6]],
  [{ least: 1, most: 101, unit: 1 }, null, [0, 107]],
  [{ least: 5, most: 5, unit: 1 }, null, [4.5, 5.5]],
  [{ least: 0, most: 0, unit: 1 }, null, [-1, 1]],
  [{ least: null, most: null, unit: 1 }, null, [0, 1.06]],
  [{ least: 10, most: 20, unit: 1 }, 0, [0, 21.2]],
  [{ least: -3, most: -1, unit: 1 }, 0, [0, 1]],
  [{ least: 1e16, most: 1e16 + 2, unit: 1e16 }, null, [0.9, 1.1]],
])("the axis of %j from %j on", (extent, floor, [low, high]) => {
  const [down, up] = airy(extent, floor);
  expect(down).toBeCloseTo(low);
  expect(up).toBeCloseTo(high);
});

test("the widest that numbers are has an axis of finite ends", () => {
  const extent = extentOf([curve(-Number.MAX_VALUE, Number.MAX_VALUE)]);
  for (const end of airy(extent, null)) expect(Math.abs(end)).toBeLessThan(3);
});

test("gaps are where nothing can be drawn", () => {
  expect(withGaps(Float64Array.from([2e15, NaN, -Infinity]), 1e15)).toEqual([2, null, null]);
});

test("columns hold the extremes of what falls into them, the highest at the top", () => {
  const values = Float64Array.from([3, 1, 9, NaN, 4, 5, Infinity, 6]);
  const columns = columnsOf(values, Int32Array.from([0, 0, 0, 1, 2, 3, 3, 4]), 5, (value) => 10 - value);
  expect([...columns.high]).toEqual([1, NaN, 6, 5, 4]);
  expect([...columns.low]).toEqual([9, NaN, 6, 5, 4]);
  expect([...columns.first]).toEqual([7, NaN, 6, 5, 4]);
  expect([...columns.last]).toEqual([1, NaN, 6, 5, 4]);
  // A gap comes before columns 2 and 4.
  expect([...columns.joined]).toEqual([0, 0, 0, 1, 0]);
});

function frames(): { next: (now: number) => void; waiting: () => number } {
  const waiting = new Map<number, () => void>();
  let last = 0;
  vi.stubGlobal("requestAnimationFrame", (act: () => void) => (waiting.set((last += 1), act), last));
  vi.stubGlobal("cancelAnimationFrame", (id: number) => waiting.delete(id));
  return {
    waiting: () => waiting.size,
    next: (now) => {
      vi.spyOn(performance, "now").mockReturnValue(now);
      const all = [...waiting.values()];
      waiting.clear();
      for (const act of all) act();
    },
  };
}

test("slices grow while frames are short and shrink when one was long", () => {
  const clock = frames();
  vi.spyOn(performance, "now").mockReturnValue(0);
  const parts: [number, number][] = [];
  let isDone = false;
  inSlices(20, (first, end) => parts.push([first, end]), () => (isDone = true));
  for (const now of [16, 100, 125, 141]) clock.next(now);
  expect(parts).toEqual([[0, 2], [2, 6], [6, 8], [8, 10], [10, 14]]);
  expect(isDone).toBe(false);
  for (const now of [150, 160]) clock.next(now);
  expect(parts[parts.length - 1]).toEqual([14, 20]);
  expect([isDone, clock.waiting()]).toEqual([true, 0]);
});

test("slices can be stopped, and nothing is done at once", () => {
  const clock = frames();
  const parts: number[] = [];
  const stop = inSlices(9, (first) => parts.push(first), () => parts.push(-1));
  stop();
  clock.next(1);
  expect(parts).toEqual([0]);
  inSlices(0, () => parts.push(-2), () => parts.push(-3));
  expect(parts).toEqual([0, -3]);
});
