import { CsvError, parse } from 'csv-parse/sync';
import { type Segment, UnreadableFileError } from './segment.js';

const WANTED = 'a CSV file must have the columns id, source and target in its first line';

/** Excel's own first line, which says what separates. */
const SEPARATOR_LINE = /^"?sep=(.)"?\r?\n/i;

/** Reads the columns id, source, target (and note), in any order, separated by comma, semicolon or tab; other columns are ignored. */
export function readCsv(file: string, text: string): Segment[] {
  const named = SEPARATOR_LINE.exec(text)?.[1];
  const header = named === undefined ? 1 : 2;
  try {
    return parse<Segment, Record<string, string>>(text, {
      bom: true,
      delimiter: named ?? delimiterOf(text),
      from_line: header,
      // Also in one file: by itself it takes the first that comes for all.
      record_delimiter: ['\r\n', '\n', '\r'],
      columns: (names: string[]) => columnsFrom(file, names, header),
      skip_empty_lines: true,
      on_record: (record, { lines }) => segmentFrom(file, record, lines),
    });
  } catch (error) {
    if (error instanceof CsvError) {
      const line = typeof error['lines'] === 'number' ? error['lines'] : undefined;
      throw new UnreadableFileError(file, explain(error), line, { cause: error });
    }
    throw error;
  }
}

function segmentFrom(file: string, record: Record<string, string>, line: number): Segment {
  const { id = '', source = '', target = '', note = '' } = record;
  if (id === '') throw new UnreadableFileError(file, 'the id is empty: give every segment one', line);
  return note === '' ? { id, source, target } : { id, source, target, note };
}

function columnsFrom(file: string, header: string[], line: number): string[] {
  const names = header.map((name) => name.trim().toLowerCase());
  const missing = ['id', 'source', 'target'].filter((wanted) => !names.includes(wanted));
  if (missing.length > 0)
    throw new UnreadableFileError(file, `${WANTED}, and has no ${missing.join(', no ')}`, line);
  const doubled = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (doubled !== undefined)
    throw new UnreadableFileError(file, `two columns are named "${doubled}": rename one`, line);
  return names;
}

/** The text without the line that names the separator: it begins with the names of the columns. */
export function fromHeader(text: string): string {
  return text.replace(SEPARATOR_LINE, '');
}

/** Spreadsheets write semicolons where the comma is the decimal sign; whichever separates the header separates all. */
function delimiterOf(text: string): string {
  const [header = ''] = text.trimStart().split(/[\r\n]/, 1);
  const count = (mark: string): number => header.split(mark).length;
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

function explain(error: CsvError): string {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quoted field is never closed: close it, or double the quotes inside it';
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return 'a quote stands inside a field: quote the whole field and double the quotes inside it';
    case 'CSV_RECORD_INCONSISTENT_COLUMNS':
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return 'the line has more or fewer fields than the first one: quote fields that hold the separator';
    default:
      return `this is no CSV: ${error.message}`;
  }
}
