import { expect, test } from "vitest";
import { family, single } from "../../src/watch/exposition";
import { between } from "../../src/watch/rates";
import { lanesOf } from "../../src/watch/used";

const TEXT = `# HELP a_total Some.
# TYPE a_total counter
a_total{tenant="x",note="q\\"uo\\\\te\\nline"} 3
a_total{tenant="y"} 1e+06
a_total_more 9
up 1
`;

test("samples of one name", () => {
  expect(family(TEXT, "a_total")).toEqual([
    { labels: { tenant: "x", note: 'q"uo\\te\nline' }, value: 3 },
    { labels: { tenant: "y" }, value: 1_000_000 },
  ]);
  expect(single(TEXT, "up")).toBe(1);
  expect(single(TEXT, "down")).toBeNull();
  expect(family("", "a_total")).toEqual([]);
});

test("rates between two looks; a restart is no negative rate", () => {
  const look = (at: number, x: number, y: number) => ({ at, samples: [{ labels: { tenant: "x" }, value: x }, { labels: { tenant: "y" }, value: y }] });
  expect([...between(look(0, 100, 50), look(5000, 150, 10))]).toEqual([["x", 10], ["y", 0]]);
});

test("who was used when: runs of equal shares, by replica", () => {
  const [a, b] = [{ replica: "a", dc: "1" }, { replica: "b", dc: "1" }];
  const row = (...origins: (typeof a)[]) => ({ values: origins.map((_, i): [number, string] => [100 + i * 10, "1"]), replicas: origins.map(({ replica }) => ({ replica })) });
  const lanes = lanesOf([row(a, a, b, a), row(a, a, a, a)], [a, b], 100, 10);
  expect(lanes).toEqual([
    { labels: a, runs: [[0, 2, 1], [2, 3, 0.5], [3, 4, 1]] },
    { labels: b, runs: [[2, 3, 0.5]] },
  ]);
});
