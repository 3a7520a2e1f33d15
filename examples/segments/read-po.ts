import { createHash } from 'node:crypto';
import { po, type PoEntry, type PoTable } from 'gettext-parser';
import { findPoEntries, poKey } from './po-entries.js';
import { type Segment, UnreadableFileError } from './segment.js';

/**
 * Reads every entry of a gettext catalogue, in the file's order. Each plural form is a segment of its own; the header
 * and obsolete entries are none; fuzzy ones keep their guess, marked. Ids are hashes of context and msgid, so they
 * stay the same when entries are added or moved.
 */
export function readPo(file: string, text: string): Segment[] {
  const lines = findPoEntries(file, text);
  const table = parsePo(file, text);
  const pluralForms = table.headers?.['Plural-Forms'] ?? '';
  return (
    Object.values(table.translations)
      .flatMap((entries) => Object.values(entries))
      // The header is the entry without a msgid and without a context.
      .filter(({ msgid, msgctxt }) => msgid !== '' || msgctxt !== undefined)
      // The parser groups by context, and JavaScript moves keys like "1" to the front.
      .map((entry) => ({ entry, line: lines.get(poKey(entry.msgctxt ?? '', entry.msgid)) ?? 0 }))
      .sort((a, b) => a.line - b.line)
      .flatMap(({ entry }) => segmentsFrom(entry, pluralForms))
  );
}

function parsePo(file: string, text: string): PoTable {
  try {
    return po.parse(text);
  } catch (cause) {
    throw new UnreadableFileError(file, `this is no PO file: ${String(cause)}`, undefined, { cause });
  }
}

function segmentsFrom(entry: PoEntry, pluralForms: string): Segment[] {
  const { msgid, msgid_plural: plural, msgstr: targets = [''] } = entry;
  const id = createHash('sha256')
    .update(poKey(entry.msgctxt ?? '', msgid))
    .digest('hex')
    .slice(0, 16);
  if (plural === undefined) return [segmentFrom(entry, { id, source: msgid, target: targets[0] ?? '' })];
  return targets.map((target, form) => {
    // A language with one form, like Japanese, uses it for any number: the plural is its source.
    const source = form === 0 && targets.length > 1 ? msgid : plural;
    const hint = `Plural form ${form} of ${targets.length}${pluralForms === '' ? '' : `: ${pluralForms}`}`;
    return segmentFrom(entry, { id: `${id}[${form}]`, source, target }, hint);
  });
}

function segmentFrom({ msgctxt, comments }: PoEntry, segment: Segment, hint?: string): Segment {
  const context = msgctxt === undefined ? undefined : `Context: ${msgctxt}`;
  const note = [context, comments?.extracted, comments?.translator, hint].filter(Boolean).join('\n');
  const fuzzy = /(^|[\s,])fuzzy($|[\s,])/.test(comments?.flag ?? '');
  return { ...segment, ...(note === '' ? {} : { note }), ...(fuzzy ? { fuzzy } : {}) };
}
