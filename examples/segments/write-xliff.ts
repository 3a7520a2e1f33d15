import type { Segment } from './segment.js';

/** What an export needs to know besides its segments. */
export interface XliffOptions {
  /** The name of the file that the segments come from. */
  original: string;
  /** What that file is: tools look for plural forms in `po` only. */
  datatype: 'po' | 'plaintext';
  /** BCP 47, like `en` or `pt-BR`. */
  sourceLanguage: string;
  targetLanguage: string;
}

/** A part of a file that is being written. */
export interface Piece {
  text: string;
  /** How many segments are written with it, and of how many. */
  done: number;
  total: number;
}

/** Segments per piece: some 50 KB, so that whoever writes them is never at it for long. */
const PIECE = 200;

/**
 * Writes XLIFF 1.2 in pieces, so that the whole file is never in memory. Every segment becomes one `trans-unit`; doubled ids
 * get `~2`, `~3`, … . What XML 1.0 cannot hold is written as U+FFFD. Plural forms and contexts are laid out as the
 * Representation Guide for Gettext PO has them, as far as the schema allows: names of context groups must be unique.
 */
export function* writeXliff(segments: readonly Segment[], options: XliffOptions): Generator<Piece, void> {
  const uniqueId = idMaker();
  const total = segments.length;
  let text = opening(options);
  for (const [index, segment] of segments.entries()) {
    const group = segment.plural?.group;
    if (group !== undefined && group !== segments[index - 1]?.plural?.group)
      text += groupStart(segments.slice(index, index + segment.plural!.forms));
    text += transUnit(segment, uniqueId(segment.id));
    if (group !== undefined && group !== segments[index + 1]?.plural?.group) text += '      </group>\n';
    const done = index + 1;
    if (done % PIECE !== 0 || done === total) continue;
    yield { text, done, total };
    text = '';
  }
  yield { text: `${text}    </body>\n  </file>\n</xliff>\n`, done: total, total };
}

function opening({ original, datatype, sourceLanguage, targetLanguage }: XliffOptions): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">\n' +
    `  <file original="${escapeAttribute(original)}" source-language="${escapeAttribute(sourceLanguage)}"` +
    ` target-language="${escapeAttribute(targetLanguage)}" datatype="${datatype}">\n    <body>\n`
  );
}

/** Translate Toolkit looks at the group for whether its forms are approved; the transitional schema lets it stand there. */
function groupStart(forms: readonly Segment[]): string {
  const [first] = forms;
  const approved = forms.every(isApproved) ? ' approved="yes"' : '';
  const id = escapeAttribute(first!.plural!.group);
  return `      <group id="${id}" restype="x-gettext-plurals"${approved}>\n${contextGroup(first!)}`;
}

function transUnit(segment: Segment, id: string): string {
  const { source, target, note, plural } = segment;
  const approved = isApproved(segment) ? ' approved="yes"' : '';
  return (
    `      <trans-unit id="${escapeAttribute(id)}"${approved} xml:space="preserve">\n` +
    `        <source>${escapeText(source)}</source>\n` +
    `        <target state="${stateOf(segment)}">${escapeText(target)}</target>\n` +
    (plural ? '' : contextGroup(segment)) +
    (note === undefined ? '' : `        <note>${escapeText(note)}</note>\n`) +
    '      </trans-unit>\n'
  );
}

/** The guide is older than msgctxt, so that tools gave it names of their own: Qt's is the first, Translate Toolkit's the other. */
function contextGroup({ context }: Segment): string {
  if (context === undefined) return '';
  const element = (type: string): string =>
    `          <context context-type="${type}">${escapeText(context)}</context>\n`;
  return (
    '        <context-group purpose="information">\n' +
    `${element('x-gettext-msgctxt')}${element('x-po-msgctxt')}        </context-group>\n`
  );
}

/** A tool takes a translation that isn't approved for one that must be reviewed. */
function isApproved({ target, fuzzy }: Segment): boolean {
  return target !== '' && !fuzzy;
}

function stateOf({ target, fuzzy }: Segment): string {
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
