/** One translatable text and its translation, as the exports carry it. */
export interface Segment {
  /** Names the segment inside its file; the same file read again gives the same ids. */
  id: string;
  source: string;
  /** Empty when there is no translation yet. */
  target: string;
  /** What a translator should know: comments, context, plural form. */
  note?: string;
  /** What tells it from others with the same source (gettext's `msgctxt`); an empty one isn't the same as none. */
  context?: string;
  /** It is one of several forms by number, which follow each other, all with the same group. */
  plural?: { group: string; forms: number };
  /** The translation is a guess that nobody has reviewed (gettext's `fuzzy`). */
  fuzzy?: true;
}

/** The file is not what it says it is; the message names the file, the line if one is at fault, and the remedy. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
  readonly code = 'unreadable_file';
  constructor(
    readonly file: string,
    readonly problem: string,
    /** Counted from 1; undefined when no single line is at fault. */
    readonly line?: number,
    options?: ErrorOptions,
  ) {
    super(line === undefined ? `${file}: ${problem}` : `${file}, line ${line}: ${problem}`, options);
  }
}
