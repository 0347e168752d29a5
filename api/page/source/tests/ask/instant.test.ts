import { expect, test } from "vitest";
import { cut, ROWS_MAX, samplesOf, type ServedRow } from "../../src/ask/instant";

test("scalars and strings are texts", () => {
  expect(cut({ resultType: "scalar", result: [1, "NaN"] })).toMatchObject({ text: "NaN", rows: [], total: 1 });
});

test("a large vector is cut, and counted", () => {
  const result = Array.from({ length: ROWS_MAX + 3 }, (_, i): ServedRow => ({ metric: { i: String(i) }, value: [1, "2"] }));
  const data = cut({ resultType: "vector", result });
  expect([data.rows.length, data.total]).toEqual([ROWS_MAX, ROWS_MAX + 3]);
  expect(samplesOf(data.rows[7])).toEqual({ values: [[1, "2"]], histograms: [] });
});

test("the samples of a range are packed until they are looked at", () => {
  const data = cut({ resultType: "matrix", result: [{ metric: {}, values: [[1, "2"], [2, "+Inf"]] }] });
  expect(data.rows[0]).toMatchObject({ samples: 2, histograms: 0 });
  expect("values" in data.rows[0]).toBe(false);
  expect(samplesOf(data.rows[0]).values).toEqual([[1, "2"], [2, "+Inf"]]);
});
