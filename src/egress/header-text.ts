/** A header's value, which Node gives as one character a byte, as the text that it is where it is UTF-8. */
export function headerText(value: string): string {
  const text = Buffer.from(value, 'latin1').toString();
  return text.includes('\uFFFD') ? value : text;
}
