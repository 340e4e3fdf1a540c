/** The longest line of the log, in bytes, its newline not counted. */
const longestLineBytes = 64 * 1024;

const longestTextFirst = 16 * 1024;
/** Names, times and uids are shorter. */
const shortestText = 100;

/**
 * An event as one line of JSON of at most 64 KiB. Of a longer one the longest texts are cut, then the longest lists, and
 * it says `truncated: true`.
 */
export function fitLine(event: Readonly<Record<string, unknown>>): string {
  let line = JSON.stringify(event);
  let textLimit = longestTextFirst;
  let listLimit = Number.POSITIVE_INFINITY;
  while (Buffer.byteLength(line) > longestLineBytes && listLimit > 0) {
    line = JSON.stringify({ ...event, truncated: true }, cutter(textLimit, listLimit));
    if (textLimit > shortestText) textLimit = Math.max(shortestText, textLimit / 2);
    else listLimit = Math.floor(Math.min(listLimit, 1024) / 2);
  }
  return line;
}

function cutter(textLimit: number, listLimit: number): (key: string, value: unknown) => unknown {
  return (_key, value: unknown): unknown => {
    if (typeof value === "string" && value.length > textLimit) return `${beginning(value, textLimit)}…`;
    if (Array.isArray(value) && value.length > listLimit) return Array.from<unknown>(value).slice(0, listLimit);
    return value;
  };
}

/** Without half of a surrogate pair at its end, which JSON can spell and strict readers of it refuse. */
function beginning(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
