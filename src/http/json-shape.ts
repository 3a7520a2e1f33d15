import { malformedAt } from '../config/well-formed.js';
import { Problem } from './problem.js';

/** What a JSON body may hold. */
export interface ShapeLimits {
  readonly depth: number;
  /** Keys and items, all together. */
  readonly keys: number;
  /** Names and numbers are judged later, in each part by itself. */
  readonly sizeOnly?: boolean;
}

const BODY: ShapeLimits = { depth: 32, keys: 10_000 };
/** Of a batch as a whole, so that it can be walked at all: each of its operations is checked like a body of its own. */
export const BATCH: ShapeLimits = { depth: 2 * BODY.depth, keys: 50_000, sizeOnly: true };
const FORBIDDEN: ReadonlySet<string | number> = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses JSON that is deep, huge or poisonous, or has numbers that would be lost, before anything walks it: 400 with the path. */
export function checkJsonShape(value: unknown, { depth, keys, sizeOnly = false }: ShapeLimits = BODY): void {
  const path: (string | number)[] = [];
  let left = keys;
  const refuse = (at: string, message: string): never => {
    throw new Problem(400, 'malformed-body', `${at} ${message}`, { errors: [{ path: at, message }] });
  };
  const here = (): string => shorten(path.join('.'));
  const walk = (current: unknown): void => {
    // Read as infinite, it would be stored as null.
    if (typeof current === 'number' && !Number.isFinite(current) && !sizeOnly)
      refuse(here(), 'is no number that JSON can hold: they go up to 1.8e308');
    if (typeof current !== 'object' || current === null) return;
    if (path.length >= depth) refuse(here(), `is nested deeper than ${depth} levels`);
    if (Array.isArray(current)) for (let at = 0; at < current.length; at++) enter(at, current[at]);
    else for (const name of Object.keys(current)) enter(name, (current as Record<string, unknown>)[name]);
  };
  const enter = (key: string | number, inner: unknown): void => {
    if (--left < 0)
      refuse('body', `has more than ${keys} keys and items: send fewer at once, or what is large as a file`);
    path.push(key);
    if (FORBIDDEN.has(key) && !sizeOnly) refuse(here(), 'is a name that is not allowed');
    walk(inner);
    path.pop();
  };
  walk(value);
}

/** Refuses text with half a surrogate pair, wherever it is in a body: other parsers would refuse all of a callback that repeats it. */
export function checkText(body: unknown): void {
  const names = malformedAt(body);
  if (!names) return;
  const path = shorten(names.join('.')) || 'body';
  const message = 'holds half a surrogate pair, which is no character: send whole characters';
  throw new Problem(400, 'malformed-body', `${path} ${message}`, { errors: [{ path, message }] });
}

function shorten(path: string): string {
  return path.length > 120 ? `${path.slice(0, 120)}…` : path;
}
