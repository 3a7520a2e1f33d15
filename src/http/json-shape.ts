import { Problem } from './problem.js';

const MOST_DEPTH = 32;
const MOST_KEYS = 10_000;
/** Of a batch as a whole: each of its 500 items may have 10,000, within a body's 1 MiB. */
export const MOST_BATCH_KEYS = 200_000;
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses JSON that is deep, huge or poisonous, or has numbers that would be lost, before anything walks it: 400 with the path. */
export function checkJsonShape(value: unknown, mostKeys = MOST_KEYS): void {
  let keys = 0;
  const tooMany = `has more than ${mostKeys} keys and items: send fewer at once, or what is large as a file`;
  const refuse = (path: string, message: string): never => {
    throw new Problem(400, 'malformed-body', `${path} ${message}`, { errors: [{ path, message }] });
  };
  const walk = (current: unknown, path: string, depth: number): void => {
    // Read as infinite, it would be stored as null.
    if (typeof current === 'number' && !Number.isFinite(current))
      refuse(shorten(path), 'is too large: numbers go up to 1.8e308');
    if (typeof current !== 'object' || current === null) return;
    if (depth > MOST_DEPTH) refuse(shorten(path), `is nested deeper than ${MOST_DEPTH} levels`);
    if (Array.isArray(current)) {
      keys += current.length;
      if (keys > mostKeys) refuse('body', tooMany);
      current.forEach((item, index) => walk(item, `${path}.${index}`, depth + 1));
      return;
    }
    for (const [key, inner] of Object.entries(current)) {
      if (++keys > mostKeys) refuse('body', tooMany);
      if (FORBIDDEN.has(key)) refuse(shorten(`${path}.${key}`), 'is a name that is not allowed');
      walk(inner, path === '' ? key : `${path}.${key}`, depth + 1);
    }
  };
  walk(value, '', 1);
}

function shorten(path: string): string {
  const trimmed = path.replace(/^\./, '');
  return trimmed.length > 120 ? `${trimmed.slice(0, 120)}…` : trimmed;
}
