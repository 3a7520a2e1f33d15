/** Surrogates that JSON writes as escapes are halves of a pair, which PostgreSQL refuses. */
const HALF_PAIR = /\\ud[89a-f]/i;

/**
 * Rows for a function in sql/functions, which names and types their columns (`json_to_recordset`): one parameter, whatever
 * there is of them. A character that is half a pair becomes U+FFFD, as in all other text that is sent to PostgreSQL.
 */
export function jsonRows(rows: readonly object[]): string {
  const text = JSON.stringify(rows);
  return HALF_PAIR.test(text) ? JSON.stringify(rows, wellFormed) : text;
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
