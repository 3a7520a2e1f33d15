import { durationS } from '../../messages/durations.js';
import { headerName } from '../../messages/message.js';
import { refused } from './refusal.js';

/** Header fields by their names in lower case. */
export type Fields = ReadonlyMap<string, string>;

/** What no header field of a request can hold either (RFC 9110, 5.5); PostgreSQL's text cannot hold the first of them. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** Header fields of a request, as they came: names and values in turn. */
export function fieldsOf(rawHeaders: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) add(fields, rawHeaders[at]!, rawHeaders[at + 1]!);
  return fields;
}

/** The same of an item of a batch. */
export function fieldsOfItem(headers: unknown): Fields {
  const fields = new Map<string, string>();
  if (headers === undefined || headers === null) return fields;
  if (typeof headers !== 'object' || Array.isArray(headers)) throw refused('headers', 'must be an object');
  for (const [name, value] of Object.entries(headers)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw refused(name, 'must be a string');
    const text = String(value);
    if (CONTROL.test(text)) throw refused(name, 'must have no control characters');
    add(fields, name, text);
  }
  return fields;
}

function add(fields: Map<string, string>, given: string, value: string): void {
  const name = given.toLowerCase();
  const before = fields.get(name);
  fields.set(name, before === undefined ? value : `${before}, ${value}`);
}

/** The fields whose names begin with a prefix, by the rest of their names in the form of `headerName`. */
export function named(fields: Fields, prefix: string): Record<string, string> {
  const found = [...fields].filter(([name]) => name.startsWith(prefix) && name.length > prefix.length);
  return Object.fromEntries(found.map(([name, value]) => [headerName(name.slice(prefix.length)), value]));
}

/** A whole number from 0; null where the field isn't given. */
export function wholeNumber(fields: Fields, field: string, most: number): number | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text) && Number(text) <= most) return Number(text);
  throw refused(headerName(field), `must be a whole number from 0 to ${most}`);
}

/** A time in seconds since 1970; null where the field isn't given. */
export function unixTime(fields: Fields, field: string): Date | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  if (/^\d{1,11}$/.test(text)) return new Date(Number(text) * 1000);
  throw refused(headerName(field), 'must be a time in whole seconds since 1970');
}

/** Seconds, of which a bare number is some; null where the field isn't given. */
export function readDuration(fields: Fields, field: string, mostS: number): number | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : durationS(text);
  if (seconds === null) throw refused(headerName(field), 'must be a duration such as 10s, 5m or 1d2h');
  if (seconds <= mostS) return seconds;
  throw refused(headerName(field), `must be at most ${mostS}s`);
}

/** What a field's value has between its commas. */
export function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
