/** What others wrote, cut into pieces that can be shown as text: nothing in it is hidden, and nothing turns the page around. */

/** A run of text. `mark` stands for a character that is not seen or that acts on what is around it; `title` names it. */
export interface Piece {
  readonly text: string;
  readonly kind: 'plain' | 'mark' | 'key' | 'string' | 'number' | 'word';
  readonly title?: string;
}

/** So much of a body is shown at first, characters: a browser lays out a line of a megabyte for seconds. */
export const SHOWN_AT_FIRST = 32 * 1024;

const NAMES: Readonly<Record<number, string>> = {
  0x1b: 'escape, as begins a terminal’s colours',
  0xad: 'soft hyphen',
  0x61c: 'Arabic letter mark',
  0x200b: 'zero width space',
  0x200e: 'left-to-right mark',
  0x200f: 'right-to-left mark',
  0x2028: 'line separator',
  0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding',
  0x202b: 'right-to-left embedding',
  0x202c: 'pop directional formatting',
  0x202d: 'left-to-right override',
  0x202e: 'right-to-left override',
  0x2060: 'word joiner',
  0x2066: 'left-to-right isolate',
  0x2067: 'right-to-left isolate',
  0x2068: 'first strong isolate',
  0x2069: 'pop directional isolate',
  0xfeff: 'byte order mark',
  0xfffd: 'replacement: not UTF-8 here',
};

/** Controls but for tab and newline, and what is invisible or changes direction. Joiners stay: scripts and emoji need them. */
const MARKS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The text in pieces, with marks for what is not seen. */
export function pieces(text: string, kind: Piece['kind'] = 'plain'): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const { 0: character, index } of text.matchAll(MARKS)) {
    // A carriage return before its newline is how many write the end of a line.
    if (character === '\r' && text[index + 1] === '\n') continue;
    if (index > from) found.push({ text: text.slice(from, index), kind });
    found.push(markOf(character));
    from = index + 1;
  }
  if (from < text.length) found.push({ text: text.slice(from), kind });
  return found;
}

/** The same in one string, for attributes and titles: marks are `␛` and `U+202E`. */
export function visibleText(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join('');
}

/** The beginning of a text, never with half of a character at its end. */
export function beginning(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const code = text.charCodeAt(characters - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? characters - 1 : characters);
}

function markOf(character: string): Piece {
  const code = character.charCodeAt(0);
  const point = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const name =
    NAMES[code] ?? (code >= 0xd800 && code <= 0xdfff ? 'half of a character' : 'control character');
  // Unicode has pictures of the first 32: ␛ says more than its number.
  const text = code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : point;
  return { text, kind: 'mark', title: `${point} ${name}` };
}
