/**
 * Text that is no Unicode: half a surrogate pair, which JSON can write and most other parsers refuse, and the whole body with it.
 * What a caller sends of it is refused; what handlers and upstreams give becomes U+FFFD.
 */

/** The names that lead to the first text in a JSON value that is not well formed, a name included; null where all are. */
export function malformedAt(value: unknown): string[] | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : [];
  if (typeof value !== 'object' || value === null) return null;
  // Every body is walked: no iterator, and no pair for each entry.
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const below = malformedAt(value[at]);
      if (below) return [String(at), ...below];
    }
    return null;
  }
  for (const name of Object.keys(value)) {
    const below = name.isWellFormed() ? malformedAt((value as Record<string, unknown>)[name]) : [];
    if (below) return [name.toWellFormed(), ...below];
  }
  return null;
}

/** JSON as `JSON.stringify` writes it, which has escapes for nothing but halves of pairs there, with U+FFFD in their place. */
export function wellFormedJson(json: string): string {
  if (!json.includes('\\ud')) return json;
  // A backslash before it may itself be escaped: then it is text.
  return json.replace(/\\(?:\\|ud[89a-f][0-9a-f]{2})/g, (found) => (found === '\\\\' ? found : '\ufffd'));
}
