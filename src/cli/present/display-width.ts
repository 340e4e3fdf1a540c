/**
 * Patterns of characters, made when the first one beyond European letters is met: V8 resolves the properties of a
 * literal when it reads the file, which would take 0.8 ms of every start.
 */
class WidthPatterns {
  /** Combining marks, joiners, variation selectors, and what is joined into a Korean syllable take no column of their own. */
  readonly none = new RegExp(String.raw`^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7fb]$`, "u");
  /**
   * East Asian wide and full-width characters, and emoji. JavaScript does not know East_Asian_Width itself; these are the
   * blocks that Unicode's EastAsianWidth.txt calls wide. (Scripts would not do: the ー of サーバー is of none.)
   */
  readonly double = new RegExp(
    String.raw`^[\p{Emoji_Presentation}\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3` +
      String.raw`\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6` +
      String.raw`\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]$`,
    "u",
  );
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

/**
 * The beginning of a text that fits into so many columns, with an ellipsis where something was cut. All colours in it stay,
 * so that none outlasts the text.
 */
export function cutToWidth(text: string, columns: number, ellipsis = "…"): string {
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

/** With spaces at its end; a text that is as wide already, or wider, stays as it is. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

function widthOf(character: string): number {
  if (character < "\u0300") return 1;
  patterns ??= new WidthPatterns();
  if (patterns.none.test(character)) return 0;
  return patterns.double.test(character) ? 2 : 1;
}
