import { createHash } from 'node:crypto';
import { type PoEntry, poKey, readPoEntries } from './po-entries.js';
import { type Segment, UnreadableFileError } from './segment.js';

/** Arabic has six. More would be a mistake in the header, and a unit for each of them in every entry. */
const MAX_FORMS = 10;

/**
 * Reads every entry of a gettext catalogue, in the file's order. Each plural form is a segment of its own, as many as the
 * header says; the header and obsolete entries are none; fuzzy ones keep their guess, marked. Ids are hashes of context and
 * msgid, so they stay the same when entries are added or moved.
 */
export function readPo(file: string, text: string, charset?: string): Segment[] {
  const entries = readPoEntries(file, text, charset);
  const header = entries.find(isHeader);
  const plurals = pluralsOf(file, header);
  return entries.filter((entry) => entry !== header).flatMap((entry) => segmentsFrom(file, entry, plurals));
}

function isHeader({ msgid, context }: PoEntry): boolean {
  return msgid === '' && context === undefined;
}

interface Plurals {
  /** The header's `Plural-Forms`, for translators. */
  readonly rule: string;
  /** Undefined where the header says none, as in a template. */
  readonly forms: number | undefined;
}

function pluralsOf(file: string, header: PoEntry | undefined): Plurals {
  const rule = /^Plural-Forms:[^\S\n]*(.*)$/im.exec(header?.targets[0] ?? '')?.[1]?.trim() ?? '';
  const said = /\bnplurals\s*=\s*(\d+)/.exec(rule)?.[1];
  const forms = said === undefined ? undefined : Number(said);
  if (forms !== undefined && (forms < 1 || forms > MAX_FORMS))
    throw new UnreadableFileError(
      file,
      `nplurals=${said} in Plural-Forms: languages have 1 to ${MAX_FORMS} forms`,
      header!.line,
    );
  return { rule, forms };
}

/** What isn't there yet is to be translated. */
function formsOf(file: string, { targets, line }: PoEntry, forms = targets.length): string[] {
  if (targets.length > forms)
    throw new UnreadableFileError(
      file,
      `this entry has ${targets.length} plural forms, and Plural-Forms in the header says nplurals=${forms}: remove msgstr[${forms}], or mend the header`,
      line,
    );
  return Array.from({ length: forms }, (_, form) => targets[form] ?? '');
}

function segmentsFrom(file: string, entry: PoEntry, { forms, rule }: Plurals): Segment[] {
  const { msgid, plural } = entry;
  const id = createHash('sha256').update(poKey(entry)).digest('hex').slice(0, 16);
  if (plural === undefined) return [segmentFrom(entry, { id, source: msgid, target: entry.targets[0]! })];
  const targets = formsOf(file, entry, forms);
  return targets.map((target, form) => {
    // A language with one form, like Japanese, uses it for any number: the plural is its source.
    const source = form === 0 && targets.length > 1 ? msgid : plural;
    const hint = `Plural form ${form} of ${targets.length}${rule === '' ? '' : `: ${rule}`}`;
    const segment = { id: `${id}[${form}]`, source, target, plural: { group: id, forms: targets.length } };
    return segmentFrom(entry, segment, hint);
  });
}

function segmentFrom({ context, comments }: PoEntry, segment: Segment, hint?: string): Segment {
  const of = context === undefined ? undefined : `Context: ${context === '' ? '""' : context}`;
  const note = [of, ...comments.extracted, ...comments.translator, hint].filter(Boolean).join('\n');
  return {
    ...segment,
    ...(note === '' ? {} : { note }),
    ...(context === undefined ? {} : { context }),
    ...(comments.flags.includes('fuzzy') ? { fuzzy: true } : {}),
  };
}
