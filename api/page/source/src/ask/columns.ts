/** A curve of many points as what is seen of it: its extremes in each column of pixels. */

/** Places on the screen, in pixels from the top; NaN where there is nothing. */
export interface Columns {
  high: Float32Array;
  low: Float32Array;
  first: Float32Array;
  last: Float32Array;
  /** Whether the curve comes from the column before with a value that belongs to it. */
  joined: Uint8Array;
}

/** column: which one each value falls into, ascending; y: where a value is. */
export function columnsOf(values: Float64Array, column: Int32Array, count: number, y: (value: number) => number): Columns {
  const [high, low, first, last] = Array.from({ length: 4 }, () => new Float32Array(count).fill(NaN));
  const joined = new Uint8Array(count);
  let isGap = true;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (!Number.isFinite(value)) {
      isGap = true;
      continue;
    }
    const at = column[i];
    const place = y(value);
    if (Number.isNaN(first[at])) {
      first[at] = high[at] = low[at] = place;
      joined[at] = isGap ? 0 : 1;
    } else if (place < high[at]) high[at] = place;
    else if (place > low[at]) low[at] = place;
    last[at] = place;
    isGap = false;
  }
  return { high, low, first, last, joined };
}

/** The buffers that go to another thread without being copied. */
export function buffersOfColumns({ high, low, first, last, joined }: Columns): ArrayBuffer[] {
  return [high, low, first, last, joined].map((array) => array.buffer as ArrayBuffer);
}
