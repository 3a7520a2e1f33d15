/** The preferences of RFC 7240 that are known here: how long to hold the answer. */
export interface Preferences {
  /** Seconds to wait for the end, at most 60; null: don't. */
  readonly waitS: number | null;
  /** Answer at once. */
  readonly respondAsync: boolean;
}

const MAX_WAIT_S = 60;
const NONE: Preferences = { waitS: null, respondAsync: false };

/** Reads a `Prefer` header; what isn't known or isn't well-formed is ignored, as the RFC wants. */
export function preferences(header: string | undefined): Preferences {
  if (header === undefined) return NONE;
  let waitS: number | null = null;
  let respondAsync = false;
  for (const preference of header.split(',')) {
    const [name = '', value = ''] = preference
      .split(';')[0]!
      .split('=')
      .map((part) => part.trim());
    if (name.toLowerCase() === 'respond-async') respondAsync = true;
    const seconds = /^"?(\d{1,6})"?$/.exec(value)?.[1];
    if (name.toLowerCase() === 'wait' && seconds !== undefined && waitS === null)
      waitS = Math.min(MAX_WAIT_S, Number(seconds));
  }
  return { waitS, respondAsync };
}

/** Value for `Preference-Applied`; null where nothing was heeded. `waited`: the answer came at the end, or was held for it. */
export function heeded({ waitS, respondAsync }: Preferences, waited: boolean): string | null {
  const applied = [
    ...(respondAsync ? ['respond-async'] : []),
    ...(waitS !== null && (waited || waitS === 0) ? [`wait=${waitS}`] : []),
  ];
  return applied.length > 0 ? applied.join(', ') : null;
}

/** How long the answer to a submit is held for the end: as the caller says, else the type's inline window; milliseconds. */
export function heldMs({ waitS, respondAsync }: Preferences, inlineMs: number): number {
  return waitS === null ? (respondAsync ? 0 : inlineMs) : waitS * 1000;
}
