import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** The text in a colour, on a terminal alone; NO_COLOR and FORCE_COLOR are heeded. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** Without what a terminal would take for a command: the text may be anybody's. */
export function clean(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === '\n' || character === '\t' ? ' ' : '\ufffd',
  );
}

/** The same of a text of several lines, which stay. */
export function cleanLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => clean(line))
    .join('\n');
}

/** One JSON document and a line's end; what a terminal would act on is escaped. */
export function json(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent).replaceAll(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${text}\n`;
}

/** A reader of stdout that has gone, as in `ringback list | head`, ends the command in silence. Not a service: it has more to do. */
export function endWithReader(): void {
  if (process.stdout.listenerCount('error') > 0) return;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Writes to stdout, and ends with its reader. */
export function write(text: string): void {
  endWithReader();
  process.stdout.write(text);
}

/** Prints one JSON document: over several lines where a person reads it. */
export function printJson(value: unknown): void {
  write(json(value, process.stdout.isTTY ? 2 : undefined));
}

/** A column of a table: its heading, and what it shows of a row. */
export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string | number | null | undefined;
  readonly style?: (row: Row) => Style | null;
}

/** Prints rows under headings, columns as wide as they need to be; says so where there are none. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): void {
  if (rows.length === 0) {
    process.stderr.write(`${none}\n`);
    return;
  }
  const cells = rows.map((row) => columns.map(({ of }) => clean(String(of(row) ?? '–'))));
  const widths = columns.map(({ head }, at) =>
    Math.max(head.length, ...cells.map((line) => line[at]!.length)),
  );
  const line = (texts: readonly string[], paint: (text: string, at: number) => string): string =>
    texts
      .map((text, at) => paint(text, at) + ' '.repeat(Math.max(0, widths[at]! - text.length)))
      .join('  ')
      .trimEnd();
  const heads = line(
    columns.map(({ head }) => head),
    (text) => styled('dim', text),
  );
  // The last column is cut where the terminal ends: rows that wrap are no table.
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = process.stdout.isTTY ? Math.max(12, process.stdout.columns - before) : Infinity;
  const body = rows.map((row, index) =>
    line(cells[index]!, (text, at) => {
      const style = columns[at]!.style?.(row) ?? null;
      const shown = at === columns.length - 1 && text.length > room ? `${text.slice(0, room - 1)}…` : text;
      return style === null ? shown : styled(style, shown);
    }),
  );
  write(`${[heads, ...body].join('\n')}\n`);
}

/** Prints what belongs to one thing, a line each; what is null, undefined or empty is left out. */
export function printFacts(
  facts: Readonly<Record<string, string | number | boolean | null | undefined>>,
  styles: Readonly<Record<string, Style | null>> = {},
): void {
  const told = Object.entries(facts).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const width = Math.max(0, ...told.map(([name]) => name.length));
  for (const [name, value] of told) {
    const text = clean(String(value));
    const style = styles[name] ?? null;
    write(`${styled('dim', name.padEnd(width))}  ${style === null ? text : styled(style, text)}\n`);
  }
}

/** A span of time in the unit that says it best. */
export function spanWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return parts(minutes, 'min', Math.floor((ms % 60_000) / 1_000), 's');
  return minutes < 48 * 60
    ? parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
    : `${Math.round(minutes / 1_440)} days`;
}

function parts(large: number, unit: string, small: number, smallUnit: string): string {
  return `${large} ${unit}${small === 0 ? '' : ` ${small} ${smallUnit}`}`;
}

/** A number and its noun: `1 delivery`, `2 deliveries`. */
export function counted(number: number, one: string, many: string): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** A time as people read it: local, to the second. */
export function localTime(at: string | null | undefined): string | null {
  if (at === null || at === undefined) return null;
  const time = new Date(at);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}

/** The time of day, to the second: of what happens now. */
export function clockTime(at: string): string {
  return localTime(at)!.slice(11);
}

const GOOD = new Set(['Finished', 'Delivered', 'delivered', 'enabled']);
const BAD = new Set(['Failed', 'Exhausted', 'failed', 'disabled']);
const RUNNING = new Set(['Executing', 'Pending']);

/** The colour that a state has everywhere. */
export function statusStyle(status: string | null): Style | null {
  if (status === null) return null;
  if (GOOD.has(status)) return 'green';
  if (BAD.has(status)) return 'red';
  return RUNNING.has(status) ? 'cyan' : null;
}
