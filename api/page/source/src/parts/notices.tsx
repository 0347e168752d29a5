/** What the server says beside or instead of an answer. */

import type { ComponentChildren } from "preact";
import { Icon } from "../app/icons";
import { Refusal } from "../server/client";

/** A refusal in the server's words. What a server lacks is no fault, and is shown as such. */
export function Problem({ error, children }: { error: Error; children?: ComponentChildren }) {
  if (error instanceof Refusal && error.status === 404) {
    return <div class="card"><Empty title="This server does not have it"><p>{error.message}</p>{children}</Empty></div>;
  }
  const status = error instanceof Refusal && error.status ? ` (${error.status}${error.kind ? ` ${error.kind}` : ""})` : "";
  return (
    <div class="notice bad" role="alert">
      <Icon name="refused" />
      <div>
        <p class="message">{error.message}</p>
        <p class="quiet small">{meaning(error)}{status}</p>
        {children}
      </div>
    </div>
  );
}

function meaning(error: Error): string {
  if (!(error instanceof Refusal)) return "This page could not go on";
  if (error.status === 0) return "No answer came";
  if (error.status === 401) return "A credential is needed";
  if (error.status === 403) return "Your credential does not allow this";
  if (error.status === 429 || error.status === 503) return "The server is busy or not ready";
  if (error.kind === "bad_data") return "The server does not understand this request";
  if (error.kind === "timeout") return "It took too long";
  return "The server refused this request";
}

export function Notices({ warnings, infos }: { warnings: readonly string[]; infos: readonly string[] }) {
  return (
    <>
      {warnings.map((text) => (
        <p class="notice warn" role="status" key={text}><Icon name="warning" /><span>{text}</span></p>
      ))}
      {infos.map((text) => (
        <p class="notice info" role="status" key={text}><Icon name="clock" /><span>{text}</span></p>
      ))}
    </>
  );
}

/** That there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ label = "Asking" }: { label?: string }) {
  return (
    <div class="loading" role="status">
      <i /><span>{label}…</span>
    </div>
  );
}
