import { type Piece, pieces } from './text-pieces.js';

/** True where the text is one JSON object or array, worth showing as such. */
export function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Strings, then numbers and words, then what stands between. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/g;

/**
 * JSON on lines of its own, with each token as it was written: parsing and writing it again would round long numbers and drop
 * what is there twice. Ends after `characters` of output; `isWhole` tells whether that was all.
 */
export function jsonPieces(text: string, characters: number): { pieces: Piece[]; isWhole: boolean } {
  const out: Piece[] = [];
  let length = 0;
  let depth = 0;
  let previous = '';
  const put = (token: string, kind: Piece['kind']) => {
    length += token.length;
    const last = out.at(-1);
    // Punctuation and space join what is before them: fewer elements to lay out.
    if (kind === 'plain' && last?.kind === 'plain') out[out.length - 1] = { text: last.text + token, kind };
    else if (kind === 'plain') out.push({ text: token, kind });
    else out.push(...pieces(token, kind));
  };
  const newline = () => put(`\n${'  '.repeat(depth)}`, 'plain');
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (length >= characters) return { pieces: out, isWhole: false };
    const closes = token === '}' || token === ']';
    if (closes) depth--;
    if (closes ? previous !== '{' && previous !== '[' : previous === '{' || previous === '[') newline();
    else if (previous === ',') newline();
    const room = Math.max(0, characters - length);
    put(token.length > room ? token.slice(0, room) : token, kindOf(token, text, index));
    if (token === ':') put(' ', 'plain');
    if (token === '{' || token === '[') depth++;
    previous = token;
  }
  return { pieces: out, isWhole: length <= characters };
}

function kindOf(token: string, text: string, index: number): Piece['kind'] {
  if (token.startsWith('"'))
    return /^\s*:/.test(text.slice(index + token.length, index + token.length + 64)) ? 'key' : 'string';
  if (/^[{}[\],:]/.test(token)) return 'plain';
  return /^[-\d]/.test(token) ? 'number' : 'word';
}
