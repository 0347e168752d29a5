/** How the editor looks; the custom properties come through the shadow root from the page. */

import { EditorView } from "@codemirror/view";

export const look = EditorView.theme({
  "&": { fontSize: "14px", background: "transparent", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", fontVariantLigatures: "none" },
  ".cm-content": { padding: "9px 0", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 12px" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--accent-soft)", outline: "none" },
  ".cm-tooltip": {
    border: "1px solid var(--line-2)",
    borderRadius: "8px",
    background: "var(--raised)",
    color: "var(--ink)",
    boxShadow: "var(--shadow-2)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "13px", maxHeight: "18em", maxWidth: "min(640px, 88vw)" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", lineHeight: "1.6" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700", color: "var(--accent)" },
  ".cm-completionDetail": { marginLeft: "1em", fontStyle: "normal", fontFamily: "var(--sans)", fontSize: "12px", color: "var(--ink-2)" },
  ".cm-tooltip.cm-completionInfo": { maxWidth: "320px", padding: "8px 12px", fontFamily: "var(--sans)", fontSize: "13px", lineHeight: "1.5", color: "var(--ink-2)" },
  ".cm-tooltip-lint": { fontFamily: "var(--sans)", fontSize: "13px" },
  ".cm-diagnostic": { padding: "7px 12px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad) 1px",
    textUnderlineOffset: "4px",
  },
  ".cm-lintPoint::after": { borderBottomColor: "var(--bad)" },
});
