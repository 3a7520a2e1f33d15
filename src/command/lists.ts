/** Reads a list by comma; nothing between two commas is passed over. */
export function commaList(given: string): string[] {
  return given
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
