/** An answer as part of what a component shows. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isAbort } from "./client";
import { credential, tenant } from "./session";

export interface Asked<T> {
  value: T | null;
  error: Error | null;
  running: boolean;
  /** Ask once more. */
  again: () => void;
}

/** After this an answer is given up for lost, as where a connection has ended without a word. */
const PATIENCE_MS = 60_000;

/** Runs `load` when `key`, the tenant or the credential changes, and each `every` milliseconds where
 * that is given and the page is looked at. What was there stays while it is asked again. */
export function useAnswer<T>(key: string, load: (signal: AbortSignal) => Promise<T>, every = 0): Asked<T> {
  const [state, setState] = useState<{ value: T | null; error: Error | null; running: boolean }>({
    value: null,
    error: null,
    running: true,
  });
  const [round, setRound] = useState(0);
  const full = `${key}\n${tenant.value}\n${credential.value}`;
  const shownFor = useRef(full);
  const askedAt = useRef<number | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    askedAt.current = performance.now();
    const isOther = shownFor.current !== full;
    shownFor.current = full;
    setState((old) => ({ value: isOther ? null : old.value, error: isOther ? null : old.error, running: true }));
    load(abort.signal).then(
      (value) => {
        if (abort.signal.aborted) return;
        askedAt.current = null;
        setState({ value, error: null, running: false });
      },
      (error) => {
        if (abort.signal.aborted || isAbort(error)) return;
        askedAt.current = null;
        setState((old) => ({ value: old.value, error, running: false }));
      },
    );
    return () => abort.abort();
  }, [full, round]);
  useEffect(() => {
    if (!every) return;
    // An answer that takes longer than that is waited for: asking again would throw it away.
    const isWaiting = () => askedAt.current !== null && performance.now() - askedAt.current < PATIENCE_MS;
    const timer = setInterval(() => document.hidden || isWaiting() || setRound((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return { ...state, again: () => setRound((n) => n + 1) };
}
