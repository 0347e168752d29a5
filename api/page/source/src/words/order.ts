/** The order of texts for people: numbers in them by their size, upper and lower case alike. */

const DIGITS = 15;

/** A text that sorts by `<` as people expect of the one given; made once for each row and not at each comparison. */
export function orderKey(text: string): string {
  return text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(DIGITS, "0"));
}

/** The rows, sorted by numbers or texts. What is no number comes last, whichever way it goes; equal ones stay in their order. */
export function sortedBy<T>(rows: readonly T[], by: (row: T) => number | string, down: boolean): T[] {
  const keys = rows.map((row) => {
    const key = by(row);
    return typeof key === "string" ? orderKey(key) : key;
  });
  const sign = down ? -1 : 1;
  const compare = (a: number, b: number) => (keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b);
  const places = rows.map((_, place) => place);
  const isNone = (place: number) => Number.isNaN(keys[place]);
  return [...places.filter((place) => !isNone(place)).sort(compare), ...places.filter(isNone)].map((place) => rows[place]);
}
