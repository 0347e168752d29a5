/** The expression editor. It lives in a shadow root: there, its styles need no exception of the page's
 * Content-Security-Policy. This module is large and loaded by itself. */

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { linter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { newCompleteStrategy } from "@prometheus-io/codemirror-promql/dist/esm/complete/index";
import { Completion } from "./completion";
import { problemsOf, type Problem } from "./problems";
import { look } from "./look";

export interface Editor {
  text(): string;
  setText(text: string): void;
  /** Mark a problem that running the expression has shown. */
  show(problem: Problem | null): void;
  focus(): void;
  destroy(): void;
}

export interface EditorOptions {
  text: string;
  label: string;
  hint: string;
  onRun: () => void;
  onChange: (text: string) => void;
  onCancel: () => void;
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: tags.labelName, color: "var(--code-label)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: [tags.number, tags.literal], color: "var(--code-number)" },
  { tag: tags.operator, color: "var(--ink-2)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: tags.paren, color: "var(--ink-2)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const client = new Completion();

export function mountEditor(host: HTMLElement, options: EditorOptions): Editor {
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const strategy = newCompleteStrategy({ remote: client });
  // A list that was cut says nothing of longer words: these are asked for again.
  const promQL = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const found = await strategy.promQL(context);
    return found && client.isCut ? { ...found, validFor: undefined } : found;
  };
  const language = new PromQLExtension().activateLinter(false).setComplete({ completeStrategy: { promQL } });
  const view = new EditorView({
    parent: shadow as unknown as Element,
    root: shadow,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false, maxRenderedOptions: 60 }),
        syntaxHighlighting(colours),
        language.asExtension(),
        linter(async (v) => (await problemsOf(v.state.doc.toString())).map(diagnostic), { delay: 400 }),
        EditorView.lineWrapping,
        placeholder(options.hint),
        EditorView.contentAttributes.of({ "aria-label": options.label, "aria-multiline": "true", spellcheck: "false", autocapitalize: "off" }),
        EditorView.updateListener.of((update) => update.docChanged && options.onChange(update.state.doc.toString())),
        keys(options),
        look,
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    setText(text) {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    show(problem) {
      view.dispatch(setDiagnostics(view.state, problem ? [diagnostic(problem)] : []));
    },
    focus() {
      view.focus();
      view.dispatch({ selection: { anchor: view.state.doc.length } });
    },
    destroy: () => view.destroy(),
  };
}

function diagnostic({ from, to, message }: Problem): Diagnostic {
  return { from, to, message, severity: "error" };
}

function keys(options: EditorOptions) {
  const run = () => {
    options.onRun();
    return true;
  };
  const own = [
    { key: "Enter", run },
    { key: "Mod-Enter", run },
    { key: "Tab", run: acceptCompletion },
    { key: "Ctrl-Space", run: startCompletion },
    { key: "Escape", run: () => (options.onCancel(), false) },
    { key: "Shift-Enter", run: (view: EditorView) => (view.dispatch(view.state.replaceSelection("\n")), true) },
  ];
  return [
    // While a list is open, Enter takes what is chosen there.
    Prec.highest(keymap.of(completionKeymap)),
    Prec.high(keymap.of(own)),
    keymap.of([...closeBracketsKeymap, ...historyKeymap, ...defaultKeymap]),
  ];
}
