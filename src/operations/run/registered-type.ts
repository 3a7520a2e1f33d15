import type { Type } from '@nestjs/common';
import type { InputSchema } from '../declared/input-schema.js';
import type { OperationHandler } from './operation-type.js';
import type { RetryPolicy } from './retry-policy.js';

/** What a type has that no TypeScript class has: remote workers run it. */
export interface Declared {
  /** Judges the input. */
  readonly schema: InputSchema;
  readonly tries: number;
  readonly updatedAt: Date;
}

/** A type with its defaults filled in, and the handler that runs it. */
export interface RegisteredType {
  readonly name: string;
  readonly title: string;
  readonly path: string | null;
  readonly inlineMs: number;
  readonly internal: boolean;
  readonly apart: boolean;
  readonly slotless: boolean;
  readonly input: Type<object> | null;
  readonly timeoutS: number;
  readonly retry: RetryPolicy;
  readonly handler: OperationHandler;
  /** Null where a handler of this process runs it. */
  readonly declared: Declared | null;
  tries(input: unknown): number;
}

/** Segments may be parameters: `orders/{id}/files`. */
const PATH = /^([\w-]+|\{[a-z]\w*\})(\/([\w-]+|\{[a-z]\w*\}))*$/i;
const NAME = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;

/** Why a type can't be called so; null where it can. */
export function nameFault(name: string): string | null {
  return NAME.test(name) && name.length <= 100 ? null : 'use dotted lower case, like segments.export';
}

/** Why a type can't have this path beside the others; null where it can. */
export function pathFault(path: string, others: readonly RegisteredType[]): string | null {
  if (!PATH.test(path))
    return `the path "${path}" must be segments of letters, digits, - and _, or {name}, between single slashes`;
  const taken = others.find((type) => type.path !== null && shape(type.path) === shape(path));
  return taken === undefined ? null : `"${taken.name}" has the same path "${path}": change one`;
}

/** What tells two paths apart: their parameters' names don't. */
function shape(path: string): string {
  return path.replace(/\{\w+\}/g, '{}');
}
