/**
 * Patterns of characters, made when the first one beyond European letters is met: V8 resolves the properties of a
 * literal when it reads the file, which would take 0.8 ms of every start.
 */
class WidthPatterns {
  /** Combining marks, joiners and variation selectors take no column of their own. */
  readonly none = new RegExp(String.raw`^[\p{Mn}\p{Me}\p{Cf}]$`, "u");
  /** East Asian wide and full-width characters, and emoji. JavaScript does not know East_Asian_Width itself. */
  readonly double = new RegExp(
    String.raw`^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}` +
      String.raw`\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$`,
    "u",
  );
  /** Half-width katakana: of that script, and narrow all the same. */
  readonly narrow = /^[\uff61-\uff9f]$/;
}

let patterns: WidthPatterns | undefined;

/**
 * How many columns of a terminal a text takes, which must not hold control characters or escapes. A sequence joined
 * into one picture is counted by its parts: too wide rather than too narrow. (Intl.Segmenter would know, but costs
 * a millisecond at the first call.)
 */
export function displayWidth(text: string): number {
  // oxlint-disable-next-line no-control-regex -- ASCII is what nearly every text is
  if (/^[\x00-\x7f]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** The beginning of a text that fits into so many columns, with an ellipsis where something was cut. */
export function cutToWidth(text: string, columns: number, ellipsis = "…"): string {
  if (displayWidth(text) <= columns) return text;
  return beginning(text, columns - displayWidth(ellipsis)).trimEnd() + ellipsis;
}

function beginning(text: string, columns: number): string {
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) break;
    kept += character;
  }
  return kept;
}

/** Colours (ECMA-48: SGR), which take no column. */
// oxlint-disable-next-line no-control-regex -- escapes are what it looks for
const colours = /(\u001b\[[\d;]*m)/;

/** As `cutToWidth`, for a text with colours in it: all of them stay, so that none outlasts the text. */
export function cutPainted(text: string, columns: number, ellipsis = "…"): string {
  const pieces = text.split(colours);
  const isColour = (_: string, index: number) => index % 2 === 1;
  if (displayWidth(pieces.filter((piece, index) => !isColour(piece, index)).join("")) <= columns) return text;
  let room = columns - displayWidth(ellipsis);
  let isCut = false;
  const kept = pieces.map((piece, index) => {
    if (isColour(piece, index)) return piece;
    if (isCut) return "";
    isCut = displayWidth(piece) > room;
    if (isCut) return beginning(piece, room).trimEnd() + ellipsis;
    room -= displayWidth(piece);
    return piece;
  });
  return kept.join("");
}

export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

function widthOf(character: string): number {
  if (character < "\u0300") return 1;
  patterns ??= new WidthPatterns();
  if (patterns.none.test(character)) return 0;
  return patterns.double.test(character) && !patterns.narrow.test(character) ? 2 : 1;
}
