/** Where in these bytes the last whole UTF-8 character ends. Bytes that are no UTF-8 count as whole. */
export function endOfWholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (isContinuation(byte)) continue;
    return characterLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** This byte, or, where it lies within a character, the one after that. */
export function endOfCharacterAt(bytes: Buffer, at: number): number {
  if (endOfWholeCharacters(bytes.subarray(0, at)) === at) return at;
  let end = at;
  while (isContinuation(bytes[end])) end += 1;
  return end;
}

/** How many of these bytes make so many UTF-16 units of text, those that are no UTF-8 included. */
export function byteLengthOfUnits(bytes: Buffer, units: number): number {
  let [least, most] = [0, bytes.length];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (bytes.toString("utf8", 0, middle).length <= units) least = middle;
    else most = middle - 1;
  }
  return least;
}

/** Whether a character goes on with this byte; false where there is none. */
export function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** In bytes, by the character's first one. */
function characterLength(byte = 0): number {
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}
