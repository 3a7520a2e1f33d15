import { TextDecoder } from 'node:util';
import { fromHeader, readCsv } from './read-csv.js';
import { readJson } from './read-json.js';
import { readPo } from './read-po.js';
import { type Segment, UnreadableFileError } from './segment.js';

/** An uploaded file: its bytes, and what is known about them. */
export interface BilingualFile {
  /** The file's own name: it picks the format, and is named in errors. */
  name: string;
  bytes: Uint8Array;
  contentType?: string | undefined;
}

/** The formats that can be read: an array of segments in JSON, three columns in CSV, gettext PO. */
export type SegmentFormat = 'json' | 'csv' | 'po';

/** Larger files are refused: they are read in memory, where they take some ten times their size. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

const BY_EXTENSION: Readonly<Record<string, SegmentFormat>> = {
  json: 'json',
  csv: 'csv',
  tsv: 'csv',
  po: 'po',
  pot: 'po',
};

const BY_CONTENT_TYPE: Readonly<Record<string, SegmentFormat>> = {
  'application/json': 'json',
  'text/json': 'json',
  'text/csv': 'csv',
  'application/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'text/x-gettext-translation': 'po',
  'text/x-gettext-translation-template': 'po',
  'application/x-gettext': 'po',
  'text/x-po': 'po',
};

/** A PO header may follow a long list of its translators. */
const HEADER_WITHIN = 64 * 1024;

const READERS = { json: readJson, csv: readCsv, po: readPo } satisfies Record<
  SegmentFormat,
  (name: string, text: string, charset: string) => Segment[]
>;

/** Reads every segment of a file, in the file's order, at least one; throws `UnreadableFileError` when it is broken or of no known format. */
export function readSegments(file: BilingualFile): { format: SegmentFormat; segments: Segment[] } {
  if (file.bytes.length > MAX_FILE_BYTES) {
    throw new UnreadableFileError(file.name, `the file is larger than ${MAX_FILE_BYTES} bytes: split it`);
  }
  const charset = charsetOf(file.bytes);
  const text = decode(file, charset);
  const format = pickFormat({ ...file, text });
  const segments = READERS[format](file.name, text, charset);
  if (segments.length === 0) throw new UnreadableFileError(file.name, 'the file holds no segments');
  return { format, segments };
}

/** Picks the format by the name's extension, else by the content type, else by how the text begins. */
export function pickFormat(file: {
  name: string;
  contentType?: string | undefined;
  text: string;
}): SegmentFormat {
  const extension = /\.([a-z]+)$/i.exec(file.name)?.[1]?.toLowerCase() ?? '';
  const contentType = file.contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = BY_EXTENSION[extension] ?? BY_CONTENT_TYPE[contentType] ?? sniff(file.text);
  if (format === undefined) {
    throw new UnreadableFileError(
      file.name,
      'this is neither a JSON array of segments, nor CSV with the columns id, source and target, nor gettext PO',
    );
  }
  return format;
}

function sniff(text: string): SegmentFormat | undefined {
  const start = text.slice(0, 4096).trimStart();
  if (/^[[{]/.test(start)) return 'json';
  if (/^(#|msgid|msgctxt)/.test(start)) return 'po';
  const [header = ''] = fromHeader(start).split(/[\r\n]/, 1);
  return /\bid\b/i.test(header) && /\bsource\b/i.test(header) && /\btarget\b/i.test(header)
    ? 'csv'
    : undefined;
}

/** Decodes strictly: a wrongly decoded file would export garbage that looks like text. */
function decode({ name, bytes }: BilingualFile, charset: string): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { fatal: true });
  } catch (cause) {
    throw new UnreadableFileError(
      name,
      `the charset "${charset}" is not known: save the file as UTF-8`,
      undefined,
      {
        cause,
      },
    );
  }
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new UnreadableFileError(name, `the file is not valid ${charset}: save it as UTF-8`, undefined, {
      cause,
    });
  }
}

/** A byte order mark, else the charset that a PO header names, else UTF-8. */
function charsetOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  // Latin-1 keeps ASCII as it is in all charsets that PO files use, and never fails.
  const start = Buffer.from(bytes.subarray(0, HEADER_WITHIN)).toString('latin1');
  if (!/^\s*msgid\b/m.test(start)) return 'utf-8';
  const named = /"(?:[^"\n]*\\n)?Content-Type:[^"]*charset=([\w.:-]+)/i.exec(start)?.[1];
  // A template says "CHARSET" until somebody fills it in.
  return named === undefined || named === 'CHARSET' ? 'utf-8' : named.toLowerCase();
}
