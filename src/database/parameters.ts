/** What JSON writes otherwise than PostgreSQL's array literals do; rare in texts. */
const UNLIKE_JSON = /[\u0000-\u001f\ud800-\udfff]/;

/** Parameters as the driver is given them: long arrays, which many rows are made of, are written at once. */
export function toDriver(parameters: readonly unknown[]): unknown[] {
  return parameters.map((parameter) => (Array.isArray(parameter) ? arrayLiteral(parameter) : parameter));
}

/**
 * An array as PostgreSQL reads it. Of plain values that is their JSON in braces, which is written several times as fast as by the
 * driver; any other array is left to the driver.
 */
function arrayLiteral(values: readonly unknown[]): unknown {
  return values.every(isPlain) ? `{${JSON.stringify(values).slice(1, -1)}}` : values;
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return !UNLIKE_JSON.test(value);
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return true;
    default:
      return value === null;
  }
}
