import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const LEVELS: Readonly<Record<number, readonly [string, Style]>> = {
  10: ['trace', 'dim'],
  20: ['debug', 'dim'],
  40: ['warn', 'yellow'],
  50: ['error', 'red'],
  60: ['fatal', 'red'],
};
const WARN = 40;
/** As wide as most names of who speaks. */
const CONTEXT_WIDTH = 10;
/** Ids: the last digits tell them apart, the first are a time. The console shows them so, too. */
const ID = /^((?:[a-z]+_)?)[0-9a-f]{24}([0-9a-f]{8})$/;
/** What a terminal would obey, or show out of order, where a caller or a handler wrote it. */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const STATES: Readonly<Record<string, Style>> = {
  Finished: 'green',
  Delivered: 'green',
  Failed: 'red',
  Exhausted: 'red',
  Canceled: 'yellow',
};
/** What has its place in the line. */
const PLACED = new Set(['level', 'time', 'context', 'msg', 'stack', 'cause', 'tries', 'trace_id']);

/** A line of the JSON log for people: when, who, what happened to what; under it, of a failure, where. */
export function prettyLine(json: string): string {
  const record = JSON.parse(json) as Record<string, unknown>;
  const level = Number(record['level']);
  const [word, style] = LEVELS[level] ?? [];
  const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '');
  const stack = text('stack');
  const parts = [
    styleText('dim', `${clock(record['time'])} ${text('context').padEnd(CONTEXT_WIDTH)}`),
    ...(word === undefined ? [] : [styleText(style!, word)]),
    styleText(level >= WARN ? style! : 'bold', safe(text('msg'))),
    ...Object.entries(record).flatMap(([name, value]) => {
      // The stack begins with it.
      if (PLACED.has(name) || (name === 'reason' && stack.includes(String(value)))) return [];
      return value === null ? [] : [said(name, value, record)];
    }),
  ];
  const where = [stack, text('cause')].filter((trace) => trace !== '').flatMap(framesOf);
  return [parts.join(' '), ...where.map((line) => styleText('dim', `    ${safe(line)}`))].join('\n');
}

/** A field as it reads in the line: what everybody knows stands without its name. */
function said(name: string, value: unknown, record: Record<string, unknown>): string {
  switch (name) {
    case 'operation':
    case 'delivery':
    case 'type':
    case 'event':
      return shown(value);
    case 'request_id':
      return styleText('dim', `#${shown(value)}`);
    case 'state':
      return styleText(STATES[String(value)] ?? 'reset', shown(value));
    case 'status':
      return styleText(Number(value) < 300 ? 'green' : 'red', shown(value));
    case 'error':
      return styleText('red', shown(value));
    case 'verified':
      return value === true ? styleText('green', 'verified') : styleText('red', 'not verified');
    case 'attempt':
      return record['tries'] === undefined
        ? `attempt ${shown(value)}`
        : `attempt ${shown(value)} of ${shown(record['tries'])}`;
    case 'duration_ms':
      return styleText('dim', lasting(Number(value)));
    case 'next_in_s':
      return `again in ${shown(value)} s`;
    default:
      return `${styleText('dim', `${name}=`)}${shown(value)}`;
  }
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return safe(JSON.stringify(value));
  const [, prefix, last] = ID.exec(value) ?? [];
  if (last !== undefined) return `${prefix}…${last}`;
  return /^[^\s"]+$/.test(value) ? safe(value) : safe(JSON.stringify(value));
}

function lasting(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** The time of day where the terminal is. */
function clock(time: unknown): string {
  const at = new Date(String(time));
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function safe(text: string): string {
  return text.replace(CONTROL, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Beside the sources or the built program. */
const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/(?:dist[\\/])?src[\\/]$/, '');

/** A stack with the frames of handlers alone; where there are none, with all. */
function framesOf(stack: string): string[] {
  const lines = stack.split('\n').map((line) => line.trimEnd());
  const kept = lines.filter((line) => !isFrame(line) || isTheirs(line));
  return kept.some(isFrame) ? kept : lines;
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

/** Neither Node's, nor a package's, nor the service's own. */
function isTheirs(line: string): boolean {
  return (
    !/[\\/]node_modules[\\/]|\(node:|at node:|<anonymous>/.test(line) &&
    !line.includes(`${ROOT}src`) &&
    !line.includes(`${ROOT}dist/src`)
  );
}
