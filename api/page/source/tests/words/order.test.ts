import { expect, test } from "vitest";
import { sortedBy } from "../../src/words/order";

test.each([
  [["b10", "b9", "A1", "a2"], false, ["A1", "a2", "b9", "b10"]],
  [["10.0.0.9", "10.0.0.10", "9.9.9.9"], true, ["10.0.0.10", "10.0.0.9", "9.9.9.9"]],
])("texts %j", (texts, down, expected) => {
  expect(sortedBy(texts, (text) => text, down)).toEqual(expected);
});

test("numbers, with what is none at the end", () => {
  const rows = [3, NaN, -Infinity, 1];
  expect(sortedBy(rows, (row) => row, false)).toEqual([-Infinity, 1, 3, NaN]);
  expect(sortedBy(rows, (row) => row, true)).toEqual([3, 1, -Infinity, NaN]);
});

test("equal ones stay as they were", () => {
  expect(sortedBy(["x1", "x2"], () => 1, true)).toEqual(["x1", "x2"]);
});
