import { type ClassConstructor, plainToInstance } from 'class-transformer';
import { validate, type ValidationError, type ValidatorOptions } from 'class-validator';
import { madeAtOnce } from './compiled-validation.js';

/** How every request and every operation's input is validated: what isn't declared is refused. */
const VALIDATION: ValidatorOptions = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
};

/** Rules that say of what type a value is, by class-validator's names: a value of another type breaks most others too. */
const TYPE_RULES = [
  'whitelistValidation',
  'isDefined',
  // Before those of what is in them.
  'isArray',
  'isObject',
  'isInstance',
  'nestedValidation',
  'isString',
  'isInt',
  'isNumber',
  'isBoolean',
  'isDate',
];
const UNKNOWN = 'is not a known field: remove it or check its spelling';

/** One field that is wrong: `callback.headers.0.key`, and what would be right. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** The names that lead to a field, from the outermost in. */
export type FieldNames = readonly string[];

export interface Validated<T> {
  /** Only to be used where there are no errors. */
  readonly value: T;
  readonly errors: readonly FieldError[];
  /** The fields among the faults that nobody declared: the names that lead to each. */
  readonly unknown: readonly FieldNames[];
}

/** What was given as its class, with one fault of each field that is wrong; their paths begin with `parent`. */
export async function validated<T extends object>(
  type: ClassConstructor<T>,
  given: object,
  parent = '',
): Promise<Validated<T>> {
  const made = madeAtOnce(type, given);
  return made ? { value: made, errors: [], unknown: [] } : validatedInFull(type, given, parent);
}

/** By class-transformer and class-validator themselves. */
export async function validatedInFull<T extends object>(
  type: ClassConstructor<T>,
  given: object,
  parent = '',
): Promise<Validated<T>> {
  const value = plainToInstance(type, given);
  const dropped = droppedFields(given, value, []);
  const faults = await validate(value, VALIDATION);
  return {
    value,
    errors: [
      ...fieldErrors(faults, parent),
      ...dropped.map((names) => ({ path: names.reduce(join, parent), message: UNKNOWN })),
    ],
    unknown: [...dropped, ...unknownFields(faults, [])],
  };
}

/** A copy of what was given without these fields. */
export function withoutFields<T extends object>(given: T, fields: readonly FieldNames[]): T {
  const copy = structuredClone(given);
  for (const names of fields) {
    const owner = names.slice(0, -1).reduce<unknown>((at, name) => (isWalked(at) ? at[name] : at), copy);
    if (isWalked(owner)) delete owner[names.at(-1)!];
  }
  return copy;
}

function unknownFields(errors: readonly ValidationError[], parents: FieldNames): FieldNames[] {
  return errors.flatMap(({ property, constraints = {}, children = [] }) => {
    const names = [...parents, property];
    return 'whitelistValidation' in constraints ? [names] : unknownFields(children, names);
  });
}

/** Flattens class-validator's tree into paths. What is wrong itself is told without what is wrong within it. */
function fieldErrors(errors: readonly ValidationError[], parent: string): FieldError[] {
  return errors.flatMap(({ property, value, constraints = {}, children = [] }) => {
    const path = join(parent, property);
    const rule = tellingRule(Object.keys(constraints));
    if (rule === undefined) return fieldErrors(children, path);
    return [{ path, message: rule === 'whitelistValidation' ? UNKNOWN : plain(constraints[rule]!, value) }];
  });
}

/** What is no number at all breaks no constraints of numbers, of which class-validator tells. */
function plain(message: string, value: unknown): string {
  return typeof value === 'number'
    ? message
    : message.replace(' conforming to the specified constraints', '');
}

/** The broken rule that says most: the type's, else the first that its class declares. */
function tellingRule(broken: readonly string[]): string | undefined {
  const type = TYPE_RULES.find((rule) => broken.includes(rule));
  // Decorators are applied from the last one up.
  return type ?? broken.at(-1);
}

/**
 * Fields that class-transformer left out because every object, or the class, has a member of that name, such as toString: so
 * class-validator didn't see them. In objects of no class, whose keys may be any, they are put back.
 */
function droppedFields(given: unknown, made: unknown, parents: FieldNames): FieldNames[] {
  if (given === made || !isWalked(given) || !isWalked(made)) return [];
  return Object.keys(given).flatMap((key) => {
    const names = [...parents, key];
    if (Object.hasOwn(made, key)) return droppedFields(given[key], made[key], names);
    if (!isMember(made, key)) return [];
    if (Object.getPrototypeOf(made) !== Object.prototype) return [names];
    Object.defineProperty(made, key, {
      value: given[key],
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return [];
  });
}

function isWalked(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Map || value instanceof Set);
}

/** Whether an object inherits what it cannot be given: a field with a setter takes it. */
function isMember(made: object, key: string): boolean {
  for (
    let owner = Object.getPrototypeOf(made) as object | null;
    owner;
    owner = Object.getPrototypeOf(owner)
  ) {
    const member = Object.getOwnPropertyDescriptor(owner, key);
    if (member) return owner === Object.prototype || member.set === undefined;
  }
  return false;
}

function join(parent: string, property: string): string {
  return parent === '' ? property : `${parent}.${property}`;
}
