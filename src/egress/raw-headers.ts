/**
 * Puts `Content-Length` behind all other headers of a raw list (names and values in turn), so that values leave as the
 * bytes they came as. Where a length stands before a `Content-Disposition`, Node reads the latter's bytes as UTF-8 and
 * sends the low byte of each character: U+010D would leave as CR, U+010A as LF, and one message could become two.
 */
export function lengthLast(raw: readonly string[]): string[] {
  const others: string[] = [];
  const lengths: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const isLength = raw[at]!.length === 14 && raw[at]!.toLowerCase() === 'content-length';
    (isLength ? lengths : others).push(raw[at]!, raw[at + 1]!);
  }
  others.push(...lengths);
  return others;
}

/** A header's value, which Node gives as one character a byte, as the text that it is where it is UTF-8. */
export function headerText(value: string): string {
  const text = Buffer.from(value, 'latin1').toString();
  return text.includes('\uFFFD') ? value : text;
}
