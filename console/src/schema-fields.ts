/** A form made of an operation type's JSON Schema: one field for each property, JSON text where a form would say less. */

export type Control = 'text' | 'number' | 'choice' | 'checkbox' | 'lines' | 'json';

export interface Field {
  readonly name: string;
  readonly control: Control;
  readonly isRequired: boolean;
  readonly description: string;
  /** What may be chosen; of `choice` alone. */
  readonly choices: readonly unknown[];
  readonly schema: Schema;
}

/** What a form looks at in a schema. The service judges the input; a form only helps to write it. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** What the form holds of each field: text, or whether it is checked. */
export type FormValues = Readonly<Record<string, string | boolean>>;

export type Read =
  | { readonly input: unknown; readonly errors: null }
  | { readonly input: null; readonly errors: Readonly<Record<string, string>> };

/** The fields of a schema; null where its input is best written as JSON. */
export function fieldsOf(schema: Schema): Field[] | null {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return null;
  const required = new Set(schema.required ?? []);
  const fields = properties.map(([name, property]) => fieldOf(name, property, required.has(name)));
  // What must be given comes first; the order stays otherwise.
  return [
    ...fields.filter(({ isRequired }) => isRequired),
    ...fields.filter(({ isRequired }) => !isRequired),
  ];
}

/** What a form begins with. */
export function initialValues(fields: readonly Field[]): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, field.schema.default)]));
}

/** The values of a form for an input that there is, as for "run again with changes". */
export function valuesOf(fields: readonly Field[], input: Readonly<Record<string, unknown>>): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, input[field.name])]));
}

/** The input that a form says; empty fields that needn't be given are left out. */
export function readInput(fields: readonly Field[], values: FormValues): Read {
  const input: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const value = values[field.name] ?? '';
    if (value === '' || (value === false && !field.isRequired && field.schema.default !== true)) {
      if (field.isRequired) errors[field.name] = 'must be given';
      continue;
    }
    const read = readValue(field, value);
    if (read.error === null) input[field.name] = read.value;
    else errors[field.name] = read.error;
  }
  return Object.keys(errors).length === 0 ? { input, errors: null } : { input: null, errors };
}

/** JSON that somebody wrote, or what is wrong with it in a sentence. */
export function readJson(text: string): { value: unknown; error: null } | { value: null; error: string } {
  try {
    return { value: JSON.parse(text), error: null };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { value: null, error: `This is no JSON: ${detail}` };
  }
}

function fieldOf(name: string, schema: Schema, isRequired: boolean): Field {
  const description = schema.description ?? schema.title ?? '';
  const choices = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return { name, isRequired, description, choices, schema, control: controlOf(schema, choices) };
}

function controlOf(schema: Schema, choices: readonly unknown[]): Control {
  if (choices.length > 0) return 'choice';
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'checkbox';
    case 'array':
      return schema.items?.type === 'string' && !schema.items.enum ? 'lines' : 'json';
    default:
      return 'json';
  }
}

function shown({ control }: Field, value: unknown): string | boolean {
  if (control === 'checkbox') return value === true;
  if (value === undefined) return '';
  if (control === 'lines' && Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' && control !== 'json' && control !== 'choice'
    ? value
    : JSON.stringify(value);
}

function readValue(
  { control, schema }: Field,
  value: string | boolean,
): { value: unknown; error: null } | { value: null; error: string } {
  if (typeof value === 'boolean') return { value, error: null };
  if (control === 'number') return readNumber(value, schema.type === 'integer');
  if (control === 'choice') return readJson(value);
  if (control === 'json') {
    const read = readJson(value);
    // A field that takes anything takes text too, without quotes around it.
    return read.error !== null && schema.type === undefined ? { value, error: null } : read;
  }
  if (control === 'lines') return { value: value.split('\n').filter((line) => line !== ''), error: null };
  return { value, error: null };
}

function readNumber(text: string, isInteger: boolean) {
  const number = Number(text);
  if (isInteger ? Number.isSafeInteger(number) : Number.isFinite(number))
    return { value: number, error: null };
  return { value: null, error: isInteger ? 'must be a whole number' : 'must be a number' };
}
