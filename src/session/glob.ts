/**
 * Whether a glob matches all of a text: `*` is any text, `?` any character, everything else itself. In time that the
 * product of their lengths bounds, whatever the glob; a regular expression made of it would take for ever on some.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let [inGlob, inText] = [0, 0];
  /** Where to go on when what follows the last star does not match here. */
  let retry: { readonly inGlob: number; inText: number } | null = null;
  while (inText < text.length) {
    const wanted = glob[inGlob];
    if (wanted === "*") {
      inGlob += 1;
      retry = { inGlob, inText };
    } else if (wanted === "?" || wanted === text[inText]) {
      inGlob += 1;
      inText += 1;
    } else if (retry === null) {
      return false;
    } else {
      retry.inText += 1;
      ({ inGlob, inText } = retry);
    }
  }
  return /^\**$/.test(glob.slice(inGlob));
}
