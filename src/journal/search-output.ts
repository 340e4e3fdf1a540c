/** How much of the last output is searched, so that an endless line does not fill the memory. */
const searchedChars = 64 * 1024;

/** Whether output shows a pattern: true as soon as it does, false when the output is over without. */
export async function outputShows(output: AsyncIterable<Uint8Array>, pattern: RegExp): Promise<boolean> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of output) {
    text = (text + decoder.decode(bytes, { stream: true })).slice(-searchedChars);
    if (pattern.test(text)) return true;
  }
  return false;
}
