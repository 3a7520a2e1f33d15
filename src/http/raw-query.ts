/** The parameters of a target's query as they came, undecoded: `a=1`. */
export function queryParts(target: string): string[] {
  const at = target.indexOf('?');
  return at === -1 ? [] : target.slice(at + 1).split('&');
}

/** The name of such a parameter, decoded. */
export function partName(part: string): string {
  return decoded(part.split('=')[0]!);
}

/**
 * All values of a parameter of the target's query, percent-decoded once. A `+` stays one: in a URL within the query it is a
 * part of that URL, which has no spaces.
 */
export function queryValues(target: string, name: string): string[] {
  return queryParts(target)
    .filter((part) => partName(part) === name)
    .map((part) => decoded(part.split(/=(.*)/s)[1] ?? ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
