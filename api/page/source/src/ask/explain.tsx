/** The tree of an expression. */

import { ask } from "../server/client";
import { useAnswer } from "../server/use_answer";
import { Loading, Problem } from "../parts/notices";

interface Node {
  type: string;
  [field: string]: unknown;
}

export function Explain({ expr, time }: { expr: string; time: number }) {
  const asked = useAnswer(`${expr} ${time}`, async (signal) => (await ask<Node>("parse_query", { query: expr }, { signal, method: "POST" })).data);
  if (asked.error) return <Problem error={asked.error} />;
  if (!asked.value) return <Loading />;
  return <div class="tree"><Branch node={asked.value} /></div>;
}

function Branch({ node }: { node: Node }) {
  return <div>{node.type}</div>;
}
