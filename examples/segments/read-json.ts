import { type Segment, UnreadableFileError } from './segment.js';

const WANTED = 'a JSON file must be an array of { "id", "source", "target" }';

/** Reads an array of `{ id, source, target, note? }`; a missing or null target is an empty one. */
export function readJson(file: string, text: string): Segment[] {
  const value = parseJson(file, text);
  if (!Array.isArray(value)) throw new UnreadableFileError(file, `${WANTED}, and this is ${whatIs(value)}`);
  return value.map((item: unknown, index) => {
    const segment = segmentFrom(item);
    if (typeof segment !== 'string') return segment;
    throw new UnreadableFileError(file, `item ${index + 1}: ${segment}`, lineOfItem(text, index));
  });
}

/** Answers the segment, or what is wrong with the item. */
function segmentFrom(item: unknown): Segment | string {
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    return `${WANTED}, and this is ${whatIs(item)}`;
  const { id, source, target, note } = item as Record<string, unknown>;
  if ((typeof id !== 'string' && typeof id !== 'number') || id === '') {
    return `"id" must be a text or a number, and is ${whatIs(id)}`;
  }
  const shown = String(id).slice(0, 80);
  if (typeof source !== 'string') return `"source" of "${shown}" must be a text, and is ${whatIs(source)}`;
  if (target !== undefined && target !== null && typeof target !== 'string') {
    return `"target" of "${shown}" must be a text, and is ${whatIs(target)}`;
  }
  const segment: Segment = { id: String(id), source, target: target ?? '' };
  if (typeof note === 'string' && note !== '') segment.note = note;
  return segment;
}

function whatIs(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (value === '') return 'empty';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object')
    return 'an object (the nested form of i18next is not read: turn it into that array)';
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}

function parseJson(file: string, text: string): unknown {
  try {
    // A reviver takes many times as long.
    return /"id"\s*:\s*[-\d]/.test(text) ? JSON.parse(text, asWritten) : JSON.parse(text);
  } catch (cause) {
    // V8 tells the place only in its message; without one, the text ended too early.
    const line = /\(line (\d+) /.exec(String(cause))?.[1];
    const detail =
      cause instanceof Error ? cause.message.replace(/ in JSON at position.*$/s, '') : String(cause);
    throw new UnreadableFileError(
      file,
      `this is no JSON: ${detail}`,
      line === undefined ? lineAt(text, text.trimEnd().length) : Number(line),
      { cause },
    );
  }
}

/** Ids may have more digits than a number keeps: beyond 2^53 two of them would become one. */
function asWritten(key: string, value: unknown, context?: { source: string }): unknown {
  return key === 'id' && typeof value === 'number' && context ? context.source : value;
}

/** The line on which item `index` of the outermost array begins. The text is known to be valid JSON. */
function lineOfItem(text: string, index: number): number {
  let depth = 0;
  let commas = 0;
  for (const { 0: token, index: at } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]|[^\s[\]{},":]+/g)) {
    if (depth === 1 && commas === index && token !== ',' && token !== ']') return lineAt(text, at);
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    else if (token === ',' && depth === 1) commas++;
  }
  return lineAt(text, text.length);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
