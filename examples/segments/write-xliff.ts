import { setImmediate } from 'node:timers/promises';
import type { Segment } from './segment.js';

/** What an export needs to know besides its segments. */
export interface XliffOptions {
  /** The name of the file that the segments come from. */
  original: string;
  /** BCP 47, like `en` or `pt-BR`. */
  sourceLanguage: string;
  targetLanguage: string;
  /** Told after every segment; awaited if it answers a promise. */
  onProgress?: (done: number, total: number) => void | Promise<void>;
  /** Ends the export with the signal's reason, within a few segments. */
  signal?: AbortSignal | undefined;
}

/** Segments per chunk: small enough that the event loop turns every few milliseconds, large enough that writes are few. */
const CHUNK = 200;

/**
 * Writes XLIFF 1.2 in chunks of some 50 KB, so that the whole file is never in memory; the event loop turns between
 * chunks. Every segment becomes one `trans-unit`; doubled ids get `~2`, `~3`, … . What XML 1.0 cannot hold is
 * written as U+FFFD.
 */
export async function* writeXliff(
  segments: readonly Segment[],
  options: XliffOptions,
): AsyncGenerator<string, void, undefined> {
  const { onProgress, signal } = options;
  const uniqueId = idMaker();
  signal?.throwIfAborted();
  let chunk = opening(options);
  let done = 0;
  for (const segment of segments) {
    chunk += transUnit(segment, uniqueId(segment.id));
    done++;
    await onProgress?.(done, segments.length);
    if (done % CHUNK === 0) {
      yield chunk;
      chunk = '';
      // Awaiting alone only runs microtasks: heartbeats and other requests need a turn of the event loop.
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
  yield `${chunk}    </body>\n  </file>\n</xliff>\n`;
}

function opening({ original, sourceLanguage, targetLanguage }: XliffOptions): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">\n' +
    `  <file original="${escapeAttribute(original)}" source-language="${escapeAttribute(sourceLanguage)}"` +
    ` target-language="${escapeAttribute(targetLanguage)}" datatype="plaintext">\n    <body>\n`
  );
}

function transUnit({ source, target, note, fuzzy }: Segment, id: string): string {
  return (
    `      <trans-unit id="${escapeAttribute(id)}" xml:space="preserve">\n` +
    `        <source>${escapeText(source)}</source>\n` +
    `        <target state="${stateOf(target, fuzzy)}">${escapeText(target)}</target>\n` +
    (note === undefined ? '' : `        <note>${escapeText(note)}</note>\n`) +
    '      </trans-unit>\n'
  );
}

function stateOf(target: string, fuzzy: boolean | undefined): string {
  if (target === '') return 'needs-translation';
  return fuzzy ? 'needs-review-translation' : 'translated';
}

/** Answers a function that gives each id once: the specification wants them unique within a file. */
function idMaker(): (id: string) => string {
  const used = new Map<string, number>();
  return (wanted) => {
    // Compared as written: ids that differ only in forbidden characters would be equal in the file.
    const id = replaceForbidden(wanted);
    let count = used.get(id) ?? 0;
    let unique = id;
    while (count > 0 && used.has(unique)) unique = `${id}~${++count}`;
    used.set(id, Math.max(count, 1));
    if (unique !== id) used.set(unique, 1);
    return unique;
  };
}

/** XML 1.0 §2.2 names the characters a document may hold; no escape makes the others legal. With the flag u, a lone surrogate matches too. */
// oxlint-disable-next-line no-control-regex -- which control characters XML allows is what is said
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

function replaceForbidden(text: string): string {
  return text.replace(FORBIDDEN, '\u{FFFD}');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  // Only "]]>" needs it; escaping every one is simpler.
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/** Escapes CR too: parsers read a bare one as LF. */
function escapeText(text: string): string {
  return replaceForbidden(text).replace(/[&<>\r]/g, (mark) => ENTITIES[mark] ?? mark);
}

/** Escapes white space too: in an attribute parsers read it as plain spaces. */
function escapeAttribute(text: string): string {
  return replaceForbidden(text).replace(/[&<>"\r\n\t]/g, (mark) => ENTITIES[mark] ?? mark);
}
