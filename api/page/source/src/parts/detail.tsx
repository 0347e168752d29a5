/** A sheet beside the page with all of one thing. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../app/icons";

export function Detail({ title, children, onClose }: { title: string; children: ComponentChildren; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class="detail" aria-label={title} onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current!.close()}>
      <div class="detail-body">
        <header>
          <h2><bdi>{title}</bdi></h2>
          <button type="button" class="button bare icon" aria-label="Close" onClick={() => dialog.current!.close()}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
