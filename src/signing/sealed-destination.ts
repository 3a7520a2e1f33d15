import type { SecretBox, SecretPlace } from './secret-box.js';

/** Where something is sent, with the caller's own headers. */
export interface Destination {
  readonly url: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** A destination as it is stored. */
export interface SealedDestination {
  /** The URL up to and with the `?` of its query, which often holds a token. */
  readonly url: string;
  /** All of it, where there is a query or a header; null otherwise. */
  readonly sealed: string | null;
}

/** Seals the headers and the query of a destination for the row that holds it. */
export function sealDestination(
  box: SecretBox,
  { url, headers }: Destination,
  place: SecretPlace,
): SealedDestination {
  const shown = shownUrl(url);
  if (headers.length === 0 && shown === url) return { url, sealed: null };
  return { url: shown, sealed: box.seal(JSON.stringify({ url, headers }), place) };
}

/** The destination that was sealed; whole even where `url` has been changed since. */
export function openDestination(
  box: SecretBox,
  { url, sealed }: SealedDestination,
  place: SecretPlace,
): Destination {
  return sealed === null ? { url, headers: [] } : (JSON.parse(box.open(sealed, place)) as Destination);
}

/** A URL without its query; its `?` tells that there was one. */
export function shownUrl(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query + 1);
}
