import { RE2JS } from 're2js';

/** A pattern of a schema that cannot be used. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/** As ajv calls one, and tells it from others by its text. */
export interface LinearPattern {
  test(text: string): boolean;
  toString(): string;
}

/**
 * A regular expression of ECMA-262 that is matched in linear time, whatever it says: callers' input is tried on patterns that
 * somebody else wrote. Lookaround and backreferences, which can't be, are refused with a `PatternError`.
 */
export function linearPattern(pattern: string): LinearPattern {
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
    return { test: (text) => compiled.test(text), toString: () => `/${pattern}/` };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PatternError(`the pattern "${pattern.slice(0, 100)}" can't be used: ${why}`);
  }
}
/** What ajv would write into the code that it generates; it is called as it is. */
linearPattern.code = 'linearPattern';
