/** Seconds of each unit. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ d: 86_400, h: 3_600, m: 60, s: 1, ms: 1e-3 },
  ...{ us: 1e-6, '\u00b5s': 1e-6, '\u03bcs': 1e-6, ns: 1e-9 },
};
const PART = /(\d+(?:\.\d+)?)(d|h|ms|m|s|us|\u00b5s|\u03bcs|ns)/y;

/** Seconds of a duration such as `90s`, `1d10h30m` or `6m5s`; null where it is none. */
export function durationS(text: string): number | null {
  const given = text.trim();
  if (given === '') return null;
  let seconds = 0;
  for (PART.lastIndex = 0; PART.lastIndex < given.length;) {
    const part = PART.exec(given);
    if (!part) return null;
    seconds += Number(part[1]) * UNITS[part[2]!]!;
  }
  return seconds;
}
