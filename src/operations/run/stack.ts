import { storable } from './operation-run.js';

/** What is kept of a stack with all its causes, characters. */
const MAX_STACK = 8_000;
const MAX_CAUSES = 5;

/**
 * The stack of an error and of its causes, for the log and for keys with `admin`: callers never see it. Null where what was
 * thrown has none. (`util.inspect` would show the errors' own properties too, and with them what a failed request had sent.)
 */
export function stackOf(thrown: unknown): string | null {
  try {
    const parts: string[] = [];
    let error = thrown;
    while (error !== undefined && error !== null && parts.length <= MAX_CAUSES) {
      const stack: unknown = (error as { stack?: unknown }).stack;
      if (typeof stack !== 'string' && parts.length === 0) return null;
      const text = typeof error === 'string' ? error : 'something that is no error';
      parts.push(typeof stack === 'string' ? stack : text);
      error = (error as { cause?: unknown }).cause;
    }
    return parts.length === 0 ? null : storable(parts.join('\nCaused by: '), MAX_STACK);
  } catch {
    // Handlers may throw anything, even what can't be looked at.
    return null;
  }
}
