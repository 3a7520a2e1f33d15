import { createContext, Script } from 'node:vm';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { FieldError, FieldNames } from '../../config/validation.js';
import { linearPattern, PatternError } from './linear-pattern.js';

/** A JSON Schema that cannot be used for inputs. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** What a schema says of an input. */
export interface Judged {
  readonly errors: readonly FieldError[];
  /** Fields among the faults that the schema doesn't have: the names that lead to each. */
  readonly unknown: readonly FieldNames[];
}

export const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
/** Bytes of a schema's JSON. */
const MAX_SCHEMA = 64 * 1024;
/** Characters of an input of which all faults are told, and how many of them. */
const MAX_SEARCHED = 64 * 1024;
const MAX_FAULTS = 20;
/** A schema that refers to itself may take any time for an input that is small. */
const MAX_MS = 250;
const UNKNOWN = 'is not a known field: remove it or check its spelling';
const SAMPLES = [null, true, 0, '', [], {}, [[]], [{}]];
const FITS: Judged = { errors: [], unknown: [] };

// Formats are asserted, as people expect; a keyword or a format that isn't known says nothing, as the standard has it.
const OPTIONS = { strict: false, logger: false, inlineRefs: false, ownProperties: true } as const;
let meta: Ajv2020 | undefined;

/** The schema of a declared type's input. It is compiled when it is first needed. */
export class InputSchema {
  private first: ValidateFunction | undefined;
  private all: ValidateFunction | undefined;
  private readonly refers: boolean;

  constructor(readonly document: Record<string, unknown>) {
    this.refers = /"(?:\$dynamicRef|\$ref|pattern|patternProperties)":/.test(JSON.stringify(document));
  }

  /** The schema that somebody declares; a `SchemaError` says why it can't be used. */
  static checked(document: Record<string, unknown>): InputSchema {
    const size = JSON.stringify(document).length;
    if (size > MAX_SCHEMA) throw new SchemaError(`it has ${size} characters: ${MAX_SCHEMA} are the most`);
    const { $schema = DIALECT } = document;
    if ($schema !== DIALECT && $schema !== `${DIALECT}#`)
      throw new SchemaError(`$schema must be ${DIALECT}: other drafts are not understood`);
    // A word of ajv's own: its judgement would be a promise, which nobody waits for.
    if (/"\$async":/.test(JSON.stringify(document)))
      throw new SchemaError('$async is no keyword of JSON Schema 2020-12: leave it out');
    meta ??= new Ajv2020({ ...OPTIONS, validateFormats: false });
    if (meta.validateSchema(document) !== true) throw new SchemaError(meta.errorsText(meta.errors, NAMED));
    const schema = new InputSchema(document);
    try {
      for (const sample of SAMPLES) schema.judge(sample);
    } catch (error) {
      throw new SchemaError(whyNot(error));
    }
    return schema;
  }

  /** What is wrong with an input: one fault, or, of one that isn't large, all. */
  check(input: unknown): Judged {
    try {
      return this.judge(input);
    } catch (error) {
      return { errors: [{ path: 'input', message: `can't be judged: ${whyNot(error)}` }], unknown: [] };
    }
  }

  private judge(input: unknown): Judged {
    this.first ??= compiled(this.document, false);
    if (this.fits(this.first, input)) return FITS;
    let { errors } = this.first;
    if (JSON.stringify(input).length <= MAX_SEARCHED) {
      this.all ??= compiled(this.document, true);
      this.fits(this.all, input);
      errors = this.all.errors ?? errors;
    }
    return judged(errors ?? []);
  }

  private fits(validate: ValidateFunction, input: unknown): boolean {
    return this.refers ? withinTime(() => validate(input)) : validate(input);
  }
}

const NAMED = { dataVar: 'input_schema' };

function compiled(document: Record<string, unknown>, allErrors: boolean): ValidateFunction {
  // One for each schema: what one calls itself, no other can refer to. It was validated when it was declared.
  const ajv = new Ajv2020({
    ...OPTIONS,
    allErrors,
    meta: false,
    validateSchema: false,
    code: { regExp: linearPattern },
  });
  formats.default(ajv, { mode: 'fast' });
  // ajv's own compares all pairs.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: hasNoDoubles });
  return ajv.compile(document);
}

function hasNoDoubles(wanted: boolean, items: readonly unknown[]): boolean {
  return !wanted || new Set(items.map((item) => JSON.stringify(canonical(item)))).size === items.length;
}
hasNoDoubles.errors = [{ keyword: 'uniqueItems', message: 'must not have the same item twice', params: {} }];

/** With the keys of objects in one order, so that equal values have equal texts. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner]) => [key, canonical(inner)]);
}

let judge: () => boolean;
const context = createContext({ judge: () => judge() });
const call = new Script('judge()');

/** Stops a judgement that takes too long, wherever it is. */
function withinTime(judgement: () => boolean): boolean {
  judge = judgement;
  return call.runInContext(context, { timeout: MAX_MS }) as boolean;
}

function judged(errors: readonly ErrorObject[]): Judged {
  const faults = errors.map(fault);
  const paths = new Set<string>();
  const told = faults.filter(({ path }) => !paths.has(path) && paths.add(path)).slice(0, MAX_FAULTS);
  return {
    errors: told.map(({ path, message }) => ({ path, message })),
    unknown: faults.filter(({ message }) => message === UNKNOWN).map(({ names }) => names),
  };
}

function fault({ instancePath, keyword, params, message }: ErrorObject): FieldError & { names: FieldNames } {
  const names = instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const { missingProperty, additionalProperty, unevaluatedProperty } = params as Record<string, string>;
  const unknown = additionalProperty ?? unevaluatedProperty;
  const at = (name?: string): string[] => (name === undefined ? names : [...names, name]);
  if (keyword === 'required') return told(at(missingProperty), 'is required');
  return unknown === undefined
    ? told(names, message ?? `breaks the rule ${keyword}`)
    : told(at(unknown), UNKNOWN);
}

function told(names: FieldNames, message: string): FieldError & { names: FieldNames } {
  return { path: ['input', ...names].join('.'), message, names };
}

function whyNot(error: unknown): string {
  if (error instanceof PatternError) return error.message;
  if (error instanceof RangeError) return 'it refers to itself without an end';
  const { code, message } = error as Error & { code?: string };
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
    return 'it takes too long by this schema, which refers to itself';
  // ajv's words for a reference that leads nowhere: nothing is ever fetched.
  return message;
}
