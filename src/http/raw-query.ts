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
 * part of that URL, which has no spaces. With `anyCase`, also where its name, which is in lower case, is written otherwise.
 */
export function queryValues(target: string, name: string, { anyCase = false } = {}): string[] {
  return queryParts(target)
    .filter((part) => (anyCase ? partName(part).toLowerCase() : partName(part)) === name)
    .map((part) => decoded(part.split(/=(.*)/s)[1] ?? ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
