/** See pack.mjs. */
export function pack(
  files: ReadonlyMap<string, string>,
  packs: ReadonlyMap<string, readonly string[]>,
  codeIn: (name: string, directory: string) => string,
): Map<string, string>;
