/** They belong to one connection (RFC 9110, 7.6.1), or are Ringback's own. */
const NOT_END_TO_END =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|http2-settings|expect|content-length|x-ringback-.*|x-callback-url)$/i;

/** Whether a header goes on to the upstream. */
export function isEndToEnd(name: string): boolean {
  return !NOT_END_TO_END.test(name);
}

/** Pairs of a raw header list: names and values in turn. */
export function pairs(raw: readonly string[]): [name: string, value: string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at]!, raw[at + 1]!]);
  return found;
}

/**
 * The headers of a request that are made again with it, in order and case: without those of the connection (also the
 * ones that `Connection` names), Ringback's own, and the preference that was meant for Ringback.
 */
export function endToEndHeaders(raw: readonly string[]): string[] {
  const all = pairs(raw);
  const named = new Set(
    all
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())),
  );
  return all.flatMap(([name, value]) => {
    if (!isEndToEnd(name) || named.has(name.toLowerCase())) return [];
    if (name.toLowerCase() !== 'prefer') return [name, value];
    const kept = value.split(',').filter((preference) => !isRespondAsync(preference));
    return kept.length === 0 ? [] : [name, kept.join(',').trim()];
  });
}

/** Whether a preference is `respond-async` (RFC 7240, 4.1). */
export function isRespondAsync(preference: string): boolean {
  return preference.split(/[;=]/)[0]!.trim().toLowerCase() === 'respond-async';
}
