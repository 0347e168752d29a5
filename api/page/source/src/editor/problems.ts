/** What is wrong with an expression, in the words and at the position of the engine that would run it. */

import { ask, isAbort, Refusal } from "../server/client";

export interface Problem {
  from: number;
  to: number;
  message: string;
}

/** Offsets in an expression that an error names by line and column; null if it names none. */
export function problemOf(expr: string, error: string): Problem | null {
  const found = /(\d+):(\d+): (?:parse error: )?([\s\S]+)$/.exec(error);
  if (!found) return null;
  const lines = expr.split("\n");
  const line = Math.min(Number(found[1]), lines.length);
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const from = Math.min(before + columnToIndex(lines[line - 1], Number(found[2])), expr.length);
  const word = /^[\w:]+/.exec(expr.slice(from));
  const to = Math.min(expr.length, from + (word ? word[0].length : 1));
  return { from: from === expr.length ? Math.max(0, from - 1) : from, to, message: found[3] };
}

/** Columns count bytes of UTF-8 from 1. */
function columnToIndex(line: string, column: number): number {
  let seen = 1;
  let index = 0;
  for (const character of line) {
    if (seen >= column) break;
    seen += new TextEncoder().encode(character).length;
    index += character.length;
  }
  return index;
}

/** Asks the server's parser. */
export async function problemsOf(expr: string, signal?: AbortSignal): Promise<Problem[]> {
  if (!expr.trim()) return [];
  try {
    await ask("parse_query", { query: expr }, { method: "POST", signal });
    return [];
  } catch (error) {
    if (isAbort(error) || !(error instanceof Refusal) || error.kind !== "bad_data") return [];
    const problem = problemOf(expr, error.message);
    return problem ? [problem] : [];
  }
}
