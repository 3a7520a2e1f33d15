import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { UsageError } from './ending.js';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** Seconds of `90`, `90s`, `15m`, `1h`, `2d` or `1w`; null for anything else. */
export function secondsOf(text: string): number | null {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhdw]?)$/.exec(text) ?? [];
  return amount === undefined ? null : Number(amount) * (UNITS[unit || 's'] ?? 1);
}

/** Reads a time that has been: so long ago (`1h`), or as RFC 3339; gives it in RFC 3339. */
export function past(text: string): string {
  return instant(text, -1);
}

/** Reads a time to come: in so long (`1h`), or as RFC 3339. */
export function future(text: string): string {
  return instant(text, 1);
}

function instant(text: string, way: 1 | -1): string {
  const seconds = /[smhdw]$/.test(text) ? secondsOf(text) : null;
  if (seconds !== null) return timeOf(Date.now() + way * 1000 * seconds);
  // A day alone, or a time of day without a zone, is this machine's.
  const isTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?$/.test(text);
  const local = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text;
  if (isTime && !Number.isNaN(Date.parse(local))) return timeOf(Date.parse(local));
  throw new InvalidArgumentError(
    'Give a span such as 30m, 1h or 2d, or a time such as 2026-01-31T12:00:00Z.',
  );
}

function timeOf(ms: number): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError('That is beyond all calendars.');
  return time.toISOString();
}

/** Reads a span of time as seconds. */
export function span(text: string): number {
  const seconds = secondsOf(text);
  if (seconds === null) throw new InvalidArgumentError('Give seconds, or a span such as 30s, 15m or 1h.');
  return seconds;
}

/** Reads a number; what it may be, the service knows. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}

/** Reads a whole number from 1. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Give a whole number from 1.');
  return value;
}

/** Reads a list by comma; nothing between two commas is passed over. */
export function commaList(given: string): string[] {
  return given
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** Which end of a list comes first. */
export function orderOption(): Option {
  return new Option('--order <order>', 'the oldest or the newest first')
    .choices(['asc', 'desc'])
    .default('desc');
}

/** Reads a key that makes one of many calls: what a header can hold. */
export function idempotencyKey(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text)) return text;
  throw new InvalidArgumentError('Give 1 to 255 ASCII characters.');
}

/** For options that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** The text itself, or that of `@file`, or of stdin for `@-`. */
export function textOf(given: string, option: string): string {
  if (!given.startsWith('@')) return given;
  const path = given.slice(1);
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw new UsageError(`${option}: ${path} cannot be read: ${(error as Error).message}`);
  }
}

/** JSON of an argument, of `@file`, or of `@-`. */
export function jsonOf(given: string, option: string): unknown {
  const text = textOf(given, option);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${option} is no JSON: ${(error as Error).message}; a text stands in quotes of its own: '"text"'`,
    );
  }
}

/** Headers of `name: value`, as the API takes them. */
export function headersOf(lines: readonly string[] | undefined): { key: string; value: string }[] {
  return (lines ?? []).map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new UsageError(`${JSON.stringify(line)} is no header: give "name: value"`);
    return { key: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
  });
}

/** Without what isn't given: bodies and queries say nothing of it then. */
export function given<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> };
}
