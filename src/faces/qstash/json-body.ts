import type { FastifyRequest } from 'fastify';
import { rawText } from '../../http/body-parsers.js';
import { checkText } from '../../http/json-shape.js';
import { refused } from './refusal.js';

/** What a body says, whatever its content type is said to be: a JSON object. */
export function objectOf(request: FastifyRequest): Record<string, unknown> {
  const value = jsonOf(request);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw refused('body', 'must be a JSON object');
}

/** The same of any JSON. */
export function jsonOf(request: FastifyRequest): unknown {
  try {
    const value: unknown = JSON.parse(rawText(request));
    checkText(value);
    return value;
  } catch (error) {
    if (error instanceof SyntaxError) throw refused('body', `is not JSON: ${error.message}`);
    throw error;
  }
}

const NAME = /^[\w.-]{1,255}$/;

/** The name of something that callers name themselves. */
export function nameOf(value: unknown, path: string): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw refused(path, 'must be 1 to 255 letters, digits, hyphens, periods and underscores');
}
