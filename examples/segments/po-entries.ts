import { TextDecoder } from 'node:util';
import { unescapePo } from './po-escapes.js';
import { UnreadableFileError } from './segment.js';

/** One entry of a gettext catalogue, obsolete ones aside. */
export interface PoEntry {
  /** Where its msgid stands. */
  line: number;
  /** Absent without a msgctxt, which is another entry than one with an empty one. */
  context?: string;
  msgid: string;
  plural?: string;
  /** One, or as many as there are plural forms. */
  targets: string[];
  comments: PoComments;
}

/** What stands before an entry, line by line. */
export interface PoComments {
  translator: string[];
  extracted: string[];
  flags: string[];
}

/** What identifies an entry in gettext: its context and its msgid, joined as in a MO file. */
export function poKey({ context, msgid }: { context?: string; msgid: string }): string {
  return context === undefined ? msgid : `${context}\u0004${msgid}`;
}

/**
 * Reads the entries of a catalogue in its order, the header included. What GNU gettext refuses is refused, with its line;
 * `charset` says what bytes that are written as escapes mean.
 */
export function readPoEntries(file: string, text: string, charset = 'utf-8'): PoEntry[] {
  return new PoScan(file, text, new TextDecoder(charset, { fatal: true, ignoreBOM: true })).read();
}

type Keyword = 'msgctxt' | 'msgid' | 'msgid_plural' | 'msgstr';

const SPACE = /\s*/y;
const WORD = /(msgctxt|msgid_plural|msgid|msgstr)(?:\s*\[\s*(\d+)\s*\])?/y;

class PoScan {
  readonly #entries: PoEntry[] = [];
  readonly #lines = new Map<string, number>();
  #at = 0;
  #line = 1;
  /** What comes before the next entry. */
  #comments = noComments();
  /** The entry that is being read; without a line until its msgid comes. */
  #entry: Partial<PoEntry> & { comments: PoComments } = { comments: this.#comments };
  #keyword: Keyword | undefined;
  /** Where the keyword stands that no string has followed yet. */
  #bare: number | undefined;

  constructor(
    private readonly file: string,
    private readonly text: string,
    private readonly decoder: TextDecoder,
  ) {}

  read(): PoEntry[] {
    for (this.#space(); this.#at < this.text.length; this.#space()) {
      const mark = this.text[this.#at];
      if (mark === '#') this.#comment(this.#restOfLine());
      else if (mark === '"') this.#string();
      else this.#word();
    }
    this.#end();
    return this.#entries;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.text);
    for (; this.#at < SPACE.lastIndex; this.#at++) if (this.text[this.#at] === '\n') this.#line++;
  }

  #restOfLine(): string {
    const end = this.text.indexOf('\n', this.#at);
    const line = this.text.slice(this.#at, end === -1 ? undefined : end);
    this.#at += line.length;
    return line.trimEnd();
  }

  #comment(line: string): void {
    const body = line.slice(2).trim();
    switch (line[1]) {
      case '~':
        // An obsolete entry's, as what stands before it.
        this.#comments = noComments();
        break;
      case ',':
      case '=':
        this.#comments.flags.push(...body.split(',').map((flag) => flag.trim()));
        break;
      case '.':
        this.#comments.extracted.push(body);
        break;
      case ':':
      case '|':
        break;
      default:
        this.#comments.translator.push(line.slice(1).trim());
    }
  }

  #string(): void {
    const end = closingQuote(this.text, this.#at);
    if (end === -1)
      this.#refuse('a string is not closed: end it with a quote, and write quotes inside it as \\"');
    const string = this.#unescaped(this.text.slice(this.#at + 1, end));
    this.#at = end + 1;
    this.#bare = undefined;
    const entry = this.#entry;
    switch (this.#keyword) {
      case undefined:
        return this.#refuse('a string before any msgid: put msgid or msgstr before it');
      case 'msgctxt':
        entry.context += string;
        break;
      case 'msgid':
        entry.msgid += string;
        break;
      case 'msgid_plural':
        entry.plural += string;
        break;
      case 'msgstr':
        entry.targets!.push(entry.targets!.pop()! + string);
    }
    this.#refuseCommentsWithin();
  }

  #unescaped(string: string): string {
    if (!string.includes('\\')) return string;
    return unescapePo(string, this.decoder, (problem) => this.#refuse(problem));
  }

  #word(): void {
    WORD.lastIndex = this.#at;
    const found = WORD.exec(this.text);
    if (!found) {
      const rest = this.#restOfLine().split('"', 1)[0]!.trim().slice(0, 40);
      this.#refuse(
        `"${rest}" is no part of a PO file: expected msgctxt, msgid, msgid_plural, msgstr or a comment`,
      );
    }
    this.#at += found[0].length;
    const keyword = found[1] as Keyword;
    if (found[2] !== undefined && keyword !== 'msgstr')
      this.#refuse(`${keyword} has no number: take ${found[0].slice(keyword.length)} out`);
    this.#begin(keyword, found[2] === undefined ? undefined : Number(found[2]));
  }

  #begin(keyword: Keyword, form: number | undefined): void {
    this.#refuseBare();
    if (keyword === 'msgctxt' || (keyword === 'msgid' && this.#keyword !== 'msgctxt')) this.#end();
    this.#bare = this.#line;
    this.#keyword = keyword;
    const entry = this.#entry;
    if (keyword === 'msgctxt') entry.context = '';
    else if (keyword === 'msgid') Object.assign(entry, { line: this.#line, msgid: '', targets: [] });
    else if (keyword === 'msgid_plural') this.#beginPlural();
    else this.#beginTarget(form);
    this.#refuseCommentsWithin();
  }

  #beginPlural(): void {
    const entry = this.#entry;
    if (entry.msgid === undefined || entry.plural !== undefined || entry.targets!.length > 0)
      this.#refuse('msgid_plural stands right after the msgid that it belongs to');
    entry.plural = '';
  }

  #beginTarget(form: number | undefined): void {
    const { targets, plural } = this.#entry;
    if (!targets) this.#refuse('a msgstr without a msgid: add the msgid before it');
    if (form === undefined && plural !== undefined)
      this.#refuse('an entry with msgid_plural has msgstr[0], msgstr[1], …: number its msgstr');
    if (form !== undefined && plural === undefined)
      this.#refuse(`msgstr[${form}] without a msgid_plural: add it, or write msgstr`);
    if ((form ?? 0) !== targets.length)
      this.#refuse(
        form === undefined
          ? 'this entry has two msgstr: remove one'
          : `msgstr[${form}] where msgstr[${targets.length}] is next: number the forms 0, 1, 2, … without a gap`,
      );
    targets.push('');
  }

  #end(): void {
    this.#refuseBare();
    const { line, msgid, targets, context } = this.#entry;
    if (msgid !== undefined) {
      if (targets!.length === 0)
        this.#refuse('this entry has no msgstr: add one, msgstr "" if it is not translated', line);
      const key = poKey(this.#entry as PoEntry);
      const first = this.#lines.get(key);
      if (first !== undefined)
        this.#refuse(`this entry is there twice, first on line ${first}: remove one`, line);
      this.#lines.set(key, line!);
      this.#entries.push(this.#entry as PoEntry);
    } else if (context !== undefined) this.#refuse('this msgctxt has no msgid: add one after it');
    this.#entry = { comments: this.#comments };
    this.#comments = noComments();
    this.#keyword = undefined;
  }

  #refuseBare(): void {
    if (this.#bare !== undefined)
      this.#refuse(`${this.#keyword} has no string: write "" where it is empty`, this.#bare);
  }

  /** To which entry they belong would be a guess: a fuzzy one might pass for a reviewed one. */
  #refuseCommentsWithin(): void {
    const { translator, extracted, flags } = this.#comments;
    if (translator.length + extracted.length + flags.length > 0)
      this.#refuse('a comment stands inside of an entry: move it before the first line of one');
  }

  #refuse(problem: string, line = this.#line): never {
    throw new UnreadableFileError(this.file, problem, line);
  }
}

function noComments(): PoComments {
  return { translator: [], extracted: [], flags: [] };
}

/** Where the string that opens at `start` is closed; -1 where its line ends before. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') return at;
    if (mark === '\n') return -1;
    if (mark === '\\' && text[at + 1] !== '\n') at++;
  }
  return -1;
}
