/** The expression editor as a component: a plain box until its module is there. */

import { useEffect, useRef } from "preact/hooks";
import type { Editor, EditorOptions } from "./mount";
import type { Problem } from "./problems";

export interface EditorBoxProps extends EditorOptions {
  problem: Problem | null;
  autofocus?: boolean;
}

export function EditorBox(props: EditorBoxProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    let isGone = false;
    void import("./mount").then(({ mountEditor }) => {
      if (isGone || !host.current) return;
      editor.current = mountEditor(host.current, {
        text: latest.current.text,
        label: props.label,
        hint: props.hint,
        onRun: () => latest.current.onRun(),
        onChange: (text) => latest.current.onChange(text),
        onCancel: () => latest.current.onCancel(),
      });
      if (latest.current.problem) editor.current.show(latest.current.problem);
      if (props.autofocus) editor.current.focus();
    });
    return () => {
      isGone = true;
      editor.current?.destroy();
    };
  }, []);
  useEffect(() => editor.current?.setText(props.text), [props.text]);
  useEffect(() => {
    if (props.problem) editor.current?.show(props.problem);
  }, [props.problem]);
  return <div class="editor" ref={host} />;
}
