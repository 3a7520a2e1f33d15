import { HEADER_NAME } from '../../config/header-form.js';
import type { PollAnswer } from './poll-answer.js';

/** What a source may be, for people. */
export const SOURCE_FORM = 'header:<name> or json:<pointer>, such as header:Location or json:/status_url';
/** The same of a URL's. */
export const URL_FORM = `${SOURCE_FORM}, or a URL with sources in braces, such as /jobs/{json:/id}`;

/** `{path}`: path of the URL that was called; `{path:1}`: its first segment; `{query}`: its query, with `?`, or nothing. */
const OF_URL = /^(?:path|path:1|query)$/;
const PLACEHOLDER = /\{([^{}]*)\}/g;
/** A header that a status URL is in is longer than a policy allows one to be at the most. */
const MAX_URL = 2048;

/** Whether a text says where a value stands in an answer: in a header, or in its JSON by a pointer (RFC 6901). */
export function isSource(text: string): boolean {
  if (text.startsWith('header:')) return HEADER_NAME.test(text.slice('header:'.length));
  return /^json:(?:\/(?:[^~]|~[01])*)?$/.test(text);
}

/** Whether a text says where a URL stands in an answer, or how it is made of what does. */
export function isUrlSource(text: string): boolean {
  if (isSource(text)) return true;
  if (!/^(?:https?:\/\/|\.{0,2}\/|\{)[\x21-\x7e]*$/.test(text)) return false;
  const names = [...text.matchAll(PLACEHOLDER)].map(([, name]) => name!);
  return (
    !/[{}]/.test(text.replace(PLACEHOLDER, '')) &&
    names.every((name) => OF_URL.test(name) || isSource(name)) &&
    URL.canParse(text.replace(PLACEHOLDER, 'x'), 'https://x/')
  );
}

/** What stands there in an answer; undefined where nothing does. */
export function valueAt(source: string, answer: PollAnswer): unknown {
  if (source.startsWith('json:')) return pointedAt(source.slice('json:'.length), answer.json);
  const value = answer.headers[source.slice('header:'.length).toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

/** The first text, number or truth value that stands at one of the sources, as text; null where none does. */
export function textAt(sources: readonly string[], answer: PollAnswer): string | null {
  for (const source of sources) {
    const text = textOf(valueAt(source, answer));
    if (text !== null) return text;
  }
  return null;
}

/** The absolute URL that the first source gives which gives one, seen from the URL that was called; null where none does. */
export function urlAt(sources: readonly string[], answer: PollAnswer, called: string): string | null {
  for (const source of sources) {
    const text = isSource(source) ? textOf(valueAt(source, answer)) : filled(source, answer, called);
    const url = text === null || text === '' ? null : absolute(text, called);
    if (url !== null) return url;
  }
  return null;
}

function absolute(text: string, called: string): string | null {
  const url = URL.parse(text, called);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  url.hash = '';
  return url.href.length > MAX_URL ? null : url.href;
}

/** A URL with its placeholders filled; null where one of them stands for nothing. */
function filled(template: string, answer: PollAnswer, called: string): string | null {
  const { pathname, search } = new URL(called);
  let whole = true;
  const text = template.replace(PLACEHOLDER, (_, name: string) => {
    if (name === 'query') return search;
    if (name === 'path') return pathname.replace(/\/$/, '');
    const value = name === 'path:1' ? pathname.split('/')[1]! : textOf(valueAt(name, answer));
    if (value === null || value === '') whole = false;
    // Names may have slashes in them; nothing that is filled in begins a query or a fragment.
    return encodeURI((value ?? '').toWellFormed()).replace(/[?#]/g, encodeURIComponent);
  });
  return whole ? text : null;
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

function pointedAt(pointer: string, json: unknown): unknown {
  let at = json;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}
