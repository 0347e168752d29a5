/** Whether the screen is one of a phone. */

import { useEffect, useState } from "preact/hooks";

const query = matchMedia("(max-width: 600px)");

export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const look = () => setNarrow(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return isNarrow;
}
