import { afterEach, expect, test } from "vitest";
import { addressTime, parseAddressTime, parseTime, setZone, showTime } from "../../src/words/times";
import { parseDuration } from "../../src/words/durations";

const MS = Date.UTC(2026, 10, 30, 14, 3, 5);
afterEach(() => setZone("UTC"));

test("times of an address are UTC", () => {
  expect(addressTime(MS)).toBe("2026-11-30 14:03:05");
  expect(parseAddressTime("2026-11-30 14:03:05")).toBe(MS);
  expect(parseAddressTime("2026-11-30T14:03:05.250Z")).toBe(MS + 250);
  expect(parseAddressTime("2026-11-30 14:03")).toBe(MS - 5000);
  expect(parseAddressTime("2026-11-30")).toBe(Date.UTC(2026, 10, 30));
  expect(parseAddressTime("1796047385")).toBe(1796047385000);
  expect(parseAddressTime("yesterday")).toBeNull();
  expect(parseAddressTime("")).toBeNull();
});

test("times that people type", () => {
  const read = (text: string) => parseTime(text, parseDuration, MS);
  expect(read("now")).toBe(MS);
  expect(read("now-1h30m")).toBe(MS - 5_400_000);
  expect(read("now - 5m")).toBe(MS - 300_000);
  expect(read("now-x")).toBeNull();
  expect(read("2026-11-30 14:03:05")).toBe(MS);
  expect(read("2026-11-30T14:03:05+02:00")).toBe(MS - 7_200_000);
});

test("what is shown in local time is read in local time", () => {
  setZone("");
  expect(parseTime(showTime(MS), parseDuration)).toBe(MS);
  setZone("UTC");
  expect(showTime(MS + 7)).toBe("2026-11-30 14:03:05.007");
  expect(showTime(NaN)).toBe("–");
});
