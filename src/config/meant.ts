/** How much of a name may be mistyped: one character of so many. */
const PER_MISTAKE = 3;

/**
 * The setting that is most likely meant by a name that is none; undefined where none is like it. Not all begin with RINGBACK_: what
 * follows is compared.
 */
export function meantBy(name: string, settings: readonly string[]): string | undefined {
  const [best] = settings
    .map((one) => ({ one, bare: bare(one), apart: distance(bare(name), bare(one)) }))
    .filter(({ bare, apart }) => apart <= bare.length / PER_MISTAKE)
    .sort((a, b) => a.apart - b.apart);
  return best?.one;
}

function bare(name: string): string {
  return name.replace(/^RINGBACK_/, '');
}

/** How many characters are to be put in, left out or replaced to make one word of the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [index, character] of [...from].entries()) {
    const above = row;
    row = [index + 1];
    for (let at = 1; at <= to.length; at++)
      row.push(
        Math.min(above[at]! + 1, row[at - 1]! + 1, above[at - 1]! + (to[at - 1] === character ? 0 : 1)),
      );
  }
  return row[to.length]!;
}
