/** Characters of a text of somebody else's that an answer shows. */
const MOST = 1_000;

/** Begins at its beginning, and says how much is missing. */
export function shortened(text: string, most = MOST): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more characters)`;
}

/** JSON on one line, shortened. */
export function inJson(value: unknown, most = MOST): string {
  return shortened(JSON.stringify(value), most);
}

/** `in 5 min`, `2 h ago`: of times in RFC 3339. */
export function relative(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1_000);
  const size = Math.abs(seconds);
  const text =
    size < 120
      ? `${size} s`
      : size < 7_200
        ? `${Math.round(size / 60)} min`
        : size < 172_800
          ? `${Math.round(size / 3_600)} h`
          : `${Math.round(size / 86_400)} d`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

/** `one attempt`, `3 attempts`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count} ${many}`;
}

/** Scheme, host and port of a URL; null where there is none. */
export function originOf(url: string | null): string | null {
  return url !== null && URL.canParse(url) ? new URL(url).origin : null;
}
