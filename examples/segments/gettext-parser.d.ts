/** gettext-parser 10 ships no types; this is the part that the sample uses. */
declare module 'gettext-parser' {
  export interface PoEntry {
    msgid: string;
    msgctxt?: string;
    msgid_plural?: string;
    /** Absent when the entry breaks off after its msgid. */
    msgstr?: string[];
    comments?: {
      translator?: string;
      extracted?: string;
      reference?: string;
      flag?: string;
      previous?: string;
    };
  }

  export interface PoTable {
    charset: string;
    headers?: Record<string, string>;
    /** By context ('' for none), then by msgid. Later entries replace earlier ones of the same key. */
    translations: Record<string, Record<string, PoEntry>>;
    obsolete?: Record<string, Record<string, PoEntry>>;
  }

  export const po: { parse(input: string | Buffer, options?: { validation?: boolean }): PoTable };
}
