/** Green: nothing to do. Yellow: worth a look. Red: something doesn't work. */
export type Level = 'green' | 'yellow' | 'red';

/** What a check has seen; the text of what isn't green names the remedy. */
export interface Finding {
  readonly level: Level;
  readonly text: string;
}

/** A finding, and the name of the check whose it is. */
export interface Reported extends Finding {
  readonly check: string;
}

/** Something that is looked at, by itself and in bounded time: what it is given, and what it finds. */
export interface Check<Given> {
  /** One word or two, for people. */
  readonly name: string;
  readonly run: (given: Given) => Promise<readonly Finding[]>;
}

export const green = (text: string): Finding => ({ level: 'green', text });
export const yellow = (text: string): Finding => ({ level: 'yellow', text });
export const red = (text: string): Finding => ({ level: 'red', text });

/** A count and what is counted, in the right number. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count} ${many}`;
}
