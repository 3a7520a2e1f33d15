/** As much of a text as is taken, without halves of surrogate pairs, which the service refuses. */
export function sendable(text: string, most: number): string {
  return text
    .slice(0, most)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
