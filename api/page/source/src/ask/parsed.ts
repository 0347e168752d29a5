/** The tree that `parse_query` gives, as steps without figures. */

import { quote } from "../words/labels";
import { showDuration } from "../words/durations";
import type { Step } from "./explain";

export interface ParsedNode {
  type: string;
  [field: string]: unknown;
}

interface Matcher {
  name: string;
  type: string;
  value: string;
}

export function branchesOf(node: ParsedNode): Step {
  const inner = ["expr", "param", "lhs", "rhs"].map((field) => node[field]).filter(isNode);
  const args = Array.isArray(node.args) ? node.args.filter(isNode) : [];
  return { type: node.type, text: textOf(node), children: [...inner, ...args].map(branchesOf) };
}

function isNode(value: unknown): value is ParsedNode {
  return typeof value === "object" && value !== null && "type" in value;
}

function textOf(node: ParsedNode): string {
  switch (node.type) {
    case "aggregation": {
      const grouping = node.grouping as string[];
      const by = grouping.length || node.without ? ` ${node.without ? "without" : "by"} (${grouping.join(", ")})` : "";
      return `${node.op}${by} (…)`;
    }
    case "binaryExpr":
      return `… ${node.op}${node.bool ? " bool" : ""} …`;
    case "call":
      return `${(node.func as { name: string }).name}(…)`;
    case "numberLiteral":
      return String(node.val);
    case "stringLiteral":
      return quote(String(node.val));
    case "unaryExpr":
      return `${node.op}…`;
    case "parenExpr":
      return "(…)";
    case "subquery":
      return `…[${showDuration(Number(node.range))}:${node.step ? showDuration(Number(node.step)) : ""}]`;
    case "matrixSelector":
      return `${selectorOf(node)}[${showDuration(Number(node.range))}]`;
    default:
      return node.type === "vectorSelector" ? selectorOf(node) : node.type;
  }
}

function selectorOf(node: ParsedNode): string {
  const name = String(node.name ?? "");
  const matchers = (node.matchers as Matcher[]).filter((m) => !(m.name === "__name__" && m.value === name && m.type === "="));
  const written = matchers.map((m) => `${m.name}${m.type}${quote(m.value)}`).join(", ");
  return written ? `${name}{${written}}` : name || "{}";
}
