/** Work that is done a part in each frame, so that the page goes on answering meanwhile. */

const FIRST = 2;
/** A frame that takes longer gets less to do, milliseconds. */
const LONG_MS = 34;
const SHORT_MS = 20;

/** Do `work` for 0 … count-1, some of them now and the others in frames to come; then `done`. What a
 * frame took is known when the next one begins: drawing on a canvas costs after the call has returned.
 * The answer stops it. */
export function inSlices(count: number, work: (first: number, end: number) => void, done: () => void): () => void {
  let at = 0;
  let size = FIRST;
  let frame = 0;
  let began = 0;
  const slice = () => {
    const now = performance.now();
    if (at > 0) size = now - began > LONG_MS ? Math.max(1, size >> 1) : now - began < SHORT_MS ? size * 2 : size;
    began = now;
    const end = Math.min(count, at + size);
    work(at, end);
    at = end;
    if (at < count) frame = requestAnimationFrame(slice);
    else done();
  };
  if (count > 0) slice();
  else done();
  return () => cancelAnimationFrame(frame);
}
