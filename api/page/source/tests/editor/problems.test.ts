import { expect, test } from "vitest";
import { problemOf } from "../../src/editor/problems";

const at = (expr: string, error: string) => {
  const found = problemOf(expr, error);
  return found && [expr.slice(found.from, found.to), found.message];
};

test.each([
  ["rate(up)", 'invalid parameter "query": 1:6: parse error: expected type range vector', ["up", "expected type range vector"]],
  ["sum(rate(up", "1:12: parse error: unclosed left parenthesis", ["p", "unclosed left parenthesis"]],
  ["a +\n  b ^^ c", "2:6: parse error: unexpected <op:^>", ["^", "unexpected <op:^>"]],
  ['ä{b="ü"} !', "1:12: parse error: unexpected character", ["!", "unexpected character"]],
  ["up", "the database is being opened", null],
])("%s", (expr, error, wanted) => expect(at(expr, error)).toEqual(wanted));
