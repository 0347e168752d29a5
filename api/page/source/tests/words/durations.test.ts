import { expect, test } from "vitest";
import { aboutDuration, parseDuration, showDuration } from "../../src/words/durations";

test.each([
  ["1h", 3_600_000],
  ["1h30m", 5_400_000],
  ["90s", 90_000],
  ["1y2w3d4h5m6s7ms", 31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_400_000 + 300_000 + 6_007],
  [" 5m ", 300_000],
  ["", null],
  ["0s", null],
  ["5", null],
  ["1m1h", null],
  ["-5m", null],
  ["1.5h", null],
])("a duration %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  [3_600_000, "1h"],
  [604_800_000, "1w"],
  [172_800_000, "2d"],
  [5_400_000, "1h30m"],
  [907_000, "15m7s"],
  [31_536_000_000, "1y"],
  [1_500, "1s500ms"],
])("%s ms are written %s, and read again", (ms, text) => {
  expect(showDuration(ms)).toBe(text);
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  [0.0000123, "12 µs"],
  [0.0042, "4.2 ms"],
  [0.217, "217 ms"],
  [4.25, "4.3 s"],
  [300, "5 min"],
  [7500, "2 h 5 min"],
  [180_000, "2 d 2 h"],
  [NaN, "–"],
])("%s s are about %s", (seconds, text) => expect(aboutDuration(seconds)).toBe(text));
