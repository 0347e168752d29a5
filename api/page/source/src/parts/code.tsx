/** Text to be copied. */

import { useState } from "preact/hooks";
import { Icon } from "../app/icons";

export function Code({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="code">
      <pre tabIndex={0}>{text}</pre>
      <button type="button" class="button bare icon" aria-label={isCopied ? "Copied" : "Copy"} onClick={() => void copy()}><Icon name={isCopied ? "check" : "copy"} /></button>
    </div>
  );
}
