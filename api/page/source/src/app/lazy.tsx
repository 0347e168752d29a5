/** Components whose code comes when they are first shown. */

import { h, type FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, Problem } from "../parts/notices";

export function lazy(load: () => Promise<FunctionComponent>): FunctionComponent {
  let loaded: FunctionComponent | null = null;
  return function Lazy() {
    const [, setRound] = useState(0);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => {
      if (loaded) return;
      load().then((found) => {
        loaded = found;
        setRound(1);
      }, setError);
    }, []);
    if (error) return <Problem error={new Error("A part of this page could not be loaded: the server may have been updated. Reload the page.")} />;
    return loaded ? h(loaded, {}) : <Loading label="Opening" />;
  };
}
