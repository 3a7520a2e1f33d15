import type { TextDecoder } from 'node:util';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
};

/** Bytes in a row are read together: a character may take several. */
const ESCAPE = /((?:\\[0-7]{1,3}|\\x[\da-fA-F]+)+)|\\([^]?)/g;

/**
 * Resolves the escapes of a PO string as GNU gettext does: those of C but `\?` and `\'`. Octal and hexadecimal ones are bytes
 * in the file's charset. `refuse` is told what gettext wouldn't read.
 */
export function unescapePo(string: string, charset: TextDecoder, refuse: (problem: string) => never): string {
  return string.replace(ESCAPE, (escape, bytes: string | undefined, mark = '') => {
    if (bytes === undefined)
      return (
        ESCAPES[mark] ??
        refuse(
          `\\${mark} is no escape of a PO file: write \\\\ for a backslash; \\a \\b \\f \\n \\r \\t \\v \\" \\\\, octal and \\x are`,
        )
      );
    try {
      return charset.decode(bytesOf(bytes));
    } catch {
      return refuse(`${escape} is no text in ${charset.encoding}`);
    }
  });
}

/** C keeps the last byte of a long hexadecimal one. */
function bytesOf(escapes: string): Uint8Array {
  const numbers = escapes.matchAll(/\\(?:x([\da-fA-F]+)|([0-7]+))/g);
  return Uint8Array.from(numbers, ([, hex, octal]) =>
    hex === undefined ? parseInt(octal!, 8) : parseInt(hex.slice(-2), 16),
  );
}
