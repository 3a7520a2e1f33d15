import { UnreadableFileError } from './segment.js';

/** What identifies an entry in gettext: its context and its msgid, joined as in a MO file. */
export function poKey(context: string, msgid: string): string {
  return context === '' ? msgid : `${context}\u0004${msgid}`;
}

const LINE = /^(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)?((?:\s*"(?:[^"\\]|\\.)*")*)$/;

/** The pattern overflows the stack on lines of some megabytes; PO editors wrap at 80 characters. */
const MAX_LINE = 1024 * 1024;

/**
 * Finds the line on which each entry's msgid stands, in the file's order, by `poKey`; the header and obsolete entries aside.
 * gettext-parser tells no lines, reads on over broken strings and lets a later duplicate replace an earlier one:
 * all that is refused here, with its line.
 */
export function findPoEntries(file: string, text: string): Map<string, number> {
  const scan = new PoScan(file);
  for (const [index, line] of text.split('\n').entries()) {
    // Obsolete entries, #~, are comments to all but translation editors.
    if (!/^\s*(#|$)/.test(line)) scan.take(line.trim(), index + 1);
  }
  scan.endEntry();
  return scan.lines;
}

class PoScan {
  readonly lines = new Map<string, number>();
  #context = '';
  #msgid = '';
  #keyword = '';
  /** 0 while no entry is open. */
  #line = 0;
  #translated = false;

  constructor(private readonly file: string) {}

  take(line: string, number: number): void {
    if (line.length > MAX_LINE)
      this.#refuse(`the line is longer than ${MAX_LINE} characters: split its string`, number);
    const [, keyword, strings = ''] = LINE.exec(line) ?? this.#refuse(whatIsBroken(line), number);
    if (keyword !== undefined) this.#begin(keyword, number);
    else if (this.#keyword === '')
      this.#refuse('a string before any msgid: put msgid or msgstr before it', number);
    if (this.#keyword === 'msgctxt') this.#context += unquote(strings);
    if (this.#keyword === 'msgid') this.#msgid += unquote(strings);
  }

  endEntry(): void {
    if (this.#line === 0) return;
    if (!this.#translated)
      this.#refuse('this entry has no msgstr: add one, msgstr "" if it is not translated', this.#line);
    const key = poKey(this.#context, this.#msgid);
    const first = this.lines.get(key);
    if (first !== undefined)
      this.#refuse(`this entry is there twice, first on line ${first}: remove one`, this.#line);
    this.lines.set(key, this.#line);
    this.#line = 0;
    this.#translated = false;
    this.#context = '';
    this.#msgid = '';
  }

  #begin(keyword: string, number: number): void {
    if (keyword === 'msgctxt' || (keyword === 'msgid' && this.#keyword !== 'msgctxt')) this.endEntry();
    if (keyword === 'msgctxt') this.#context = '';
    if (keyword === 'msgid') this.#line = number;
    if (keyword.startsWith('msgstr')) {
      if (this.#line === 0) this.#refuse('a msgstr without a msgid: add the msgid before it', number);
      this.#translated = true;
    }
    this.#keyword = keyword;
  }

  #refuse(problem: string, line: number): never {
    throw new UnreadableFileError(this.file, problem, line);
  }
}

function whatIsBroken(line: string): string {
  const rest = line.replace(/"(?:[^"\\]|\\.)*"/g, '');
  if (rest.includes('"'))
    return 'a string is not closed: end it with a quote, and write quotes inside it as \\"';
  return `"${rest.trim().slice(0, 40)}" is no part of a PO file: expected msgctxt, msgid, msgid_plural, msgstr or a comment`;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** Joins the strings of a line and resolves their escapes, exactly as gettext-parser does: the keys must be equal. */
function unquote(strings: string): string {
  return [...strings.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, inner = '']) => inner.replace(/\\(.)/g, (_, mark: string) => ESCAPES[mark] ?? mark))
    .join('');
}
