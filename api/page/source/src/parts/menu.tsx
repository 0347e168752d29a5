/** A button with a box below it that closes on Escape and by a click elsewhere. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

export interface MenuProps {
  label: string;
  button: ComponentChildren;
  buttonClass?: string;
  children: (close: () => void) => ComponentChildren;
  align?: "left" | "right";
  title?: string;
  /** Whether the button says by itself what it is. */
  isNamed?: boolean;
}

export function Menu({ label, button, buttonClass = "button bare", children, align = "right", title, isNamed }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    const away = (event: Event) => host.current?.contains(event.target as Node) || setOpen(false);
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    host.current?.querySelector<HTMLElement>(".menu-box button, .menu-box input, .menu-box select")?.focus();
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, [isOpen]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    }
  };
  return (
    <div class="menu" ref={host} onKeyDown={onKey}>
      <button ref={opener} type="button" class={buttonClass} aria-label={isNamed ? undefined : label} title={title ?? label} aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined} onClick={() => setOpen(!isOpen)}>
        {button}
      </button>
      {isOpen && <div id={id} class={`menu-box ${align}`} role="group" aria-label={label}>{children(close)}</div>}
    </div>
  );
}
