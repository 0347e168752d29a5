/** Components whose code comes when they are first shown. */

import { h, type FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, Problem } from "../parts/notices";

export function lazy<P extends object = object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | null = null;
  return function Lazy(props: P) {
    const [, setRound] = useState(0);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => {
      if (loaded) return;
      load().then((found) => {
        loaded = found;
        setRound(1);
      }, setError);
    }, []);
    if (error) return <Problem error={new Error("A part of this page could not be loaded: the server may be away, or may have been updated. Reload the page.")} />;
    return loaded ? h(loaded as FunctionComponent<object>, props) : <Loading label="Opening" />;
  };
}
