/** They belong to one connection (RFC 9110, 7.6.1), or tell where a body ends. */
const CONNECTION =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|http2-settings|expect|content-length)$/i;

/**
 * `X-Ringback-…` in every spelling that a server may take for it: CGI and its heirs, WSGI and PHP among them, make the
 * same name of `_` and `-`, and some of any other mark too.
 */
const RINGBACK = /^x[^a-z0-9]ringback[^a-z0-9]/i;

/** Whether a header speaks for Ringback, so that no caller may set it. */
export function isRingbacks(name: string): boolean {
  return RINGBACK.test(name);
}

/** Whether a header goes on to the upstream. */
export function isEndToEnd(name: string): boolean {
  return !CONNECTION.test(name) && !isRingbacks(name) && name.toLowerCase() !== 'x-callback-url';
}

/** Pairs of a raw header list: names and values in turn. */
export function pairs(raw: readonly string[]): [name: string, value: string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at]!, raw[at + 1]!]);
  return found;
}

/** Raw headers without those of the connection, also the ones that `Connection` names; in order and case. */
export function withoutConnection(raw: readonly string[], isKept = (_name: string) => true): string[] {
  const named = namedByConnection(raw);
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!;
    if (!CONNECTION.test(name) && isKept(name) && !named?.has(name.toLowerCase()))
      kept.push(name, raw[at + 1]!);
  }
  return kept;
}

/** The headers of a request that is passed through: what `withoutConnection` leaves, without Ringback's own. */
export function passedHeaders(raw: readonly string[]): string[] {
  return withoutConnection(raw, (name) => !isRingbacks(name));
}

/** The headers of a request that is made again later: as passed through, without what asked Ringback for that. */
export function endToEndHeaders(raw: readonly string[]): string[] {
  return pairs(withoutConnection(raw, isEndToEnd)).flatMap(([name, value]) => {
    if (name.toLowerCase() !== 'prefer') return [name, value];
    const kept = value.split(',').filter((preference) => !isRespondAsync(preference));
    return kept.length === 0 ? [] : [name, kept.join(',').trim()];
  });
}

function namedByConnection(raw: readonly string[]): Set<string> | undefined {
  const named = valuesOf(raw, 'connection').join(',');
  if (/^(?:|close|keep-alive)$/i.test(named)) return undefined;
  return new Set(named.split(',').map((option) => option.trim().toLowerCase()));
}

/** All values of a header; `wanted` in lower case. */
function valuesOf(raw: readonly string[], wanted: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!;
    if (name.length === wanted.length && name.toLowerCase() === wanted) values.push(raw[at + 1]!);
  }
  return values;
}

/**
 * How the end of a message's body is told, as the other side told it: nothing where there is none. Node takes chunks off
 * and puts them on again; only behind them can trailers follow, so only there are they announced.
 */
export function framing({ rawHeaders }: { readonly rawHeaders: readonly string[] }): string[] {
  if (valuesOf(rawHeaders, 'transfer-encoding').length === 0) {
    const [length] = valuesOf(rawHeaders, 'content-length');
    return length === undefined ? [] : ['Content-Length', length];
  }
  const trailers = valuesOf(rawHeaders, 'trailer').flatMap((value) => ['Trailer', value]);
  return ['Transfer-Encoding', [...transferCodings(rawHeaders), 'chunked'].join(', '), ...trailers];
}

/** How a message's body is coded for the way besides `chunked`, in the order of coding: Node leaves that on. */
export function transferCodings(raw: readonly string[]): string[] {
  return valuesOf(raw, 'transfer-encoding')
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'chunked');
}

/** Whether a preference is `respond-async` (RFC 7240, 4.1). */
export function isRespondAsync(preference: string): boolean {
  return preference.split(/[;=]/)[0]!.trim().toLowerCase() === 'respond-async';
}
