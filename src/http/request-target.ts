const ESCAPED = /%([0-9a-f]{2})/gi;
const UNRESERVED = /[\w.~-]/;

/**
 * A request target as path and query, in the one spelling that a comparison of text may rely on: an absolute one (RFC 9112,
 * 3.2.2) without its scheme and host, and what needs no escape without one (RFC 3986, 6.2.2.2). The query stays as it came.
 */
export function originForm(target: string): string {
  const local = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const queryAt = local.search(/[?#]/);
  const path = queryAt === -1 ? local : local.slice(0, queryAt);
  return `${path.startsWith('/') ? '' : '/'}${plain(path)}${local.slice(path.length)}`;
}

function plain(path: string): string {
  return path.replace(ESCAPED, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : escape;
  });
}
