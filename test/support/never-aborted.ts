/** A signal that costs nothing, of which many are made. @param throwIfAborted called where somebody waits */
export function neverAborted(throwIfAborted: () => void = () => undefined): AbortSignal {
  const target = { addEventListener: () => undefined, removeEventListener: () => undefined, dispatchEvent: () => true };
  return { ...target, aborted: false, reason: null, onabort: null, throwIfAborted };
}
