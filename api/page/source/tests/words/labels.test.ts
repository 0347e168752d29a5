import { expect, test } from "vitest";
import { keyOf, metricSelector, namesOf, selector, shared, shown, visible, type Labels } from "../../src/words/labels";

test("marks that are not seen are spelled out", () => {
  expect(visible("a\u202eb")).toBe("a‹U+202E›b");
  expect(visible("a\u0000\nb")).toBe("a‹U+0000›‹U+000A›b");
  expect(visible("<b>ä</b>")).toBe("<b>ä</b>");
  expect(visible("x".repeat(400), 10)).toBe("xxxxxxxxxx… (400 characters)");
});

test("a key does not depend on the order of labels, and tells sets apart", () => {
  expect(keyOf({ a: "1", b: "2" })).toBe(keyOf({ b: "2", a: "1" }));
  expect(keyOf({ a: '1","b":"2' })).not.toBe(keyOf({ a: "1", b: "2" }));
});

test.each([
  [{ __name__: "up", job: "a" }, 'up{job="a"}'],
  [{ __name__: "up" }, "up"],
  [{ job: 'a"b\\' }, '{job="a\\"b\\\\"}'],
  [{ __name__: "http.requests", "my label": "x" }, '{"http.requests", "my label"="x"}'],
])("a selector of %o", (labels, text) => expect(selector(labels as Record<string, string>)).toBe(text));

test("metrics by name", () => {
  expect(metricSelector("a:b")).toBe("a:b");
  expect(metricSelector("a.b")).toBe('{"a.b"}');
});

test("what all have", () => {
  const sets: Labels[] = [{ __name__: "up", job: "a", x: "1" }, { __name__: "up", job: "a" }];
  expect(shared(sets)).toEqual({ __name__: "up", job: "a" });
  expect(shared(sets.slice(0, 1))).toEqual({});
  expect(namesOf(sets)).toEqual(["__name__", "job", "x"]);
  expect(shown(sets[0], new Set(["job"]))).toBe('up{x="1"}');
  expect(shown({})).toBe("{}");
});
