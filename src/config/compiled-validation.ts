import { type ClassConstructor, TransformationType } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, type ValidationArguments, ValidationTypes } from 'class-validator';

type Fields = Record<string, unknown>;
type Rule = (value: unknown, owner: Fields) => boolean;

interface Field {
  /** What a value is made into, undefined where that takes class-transformer itself. */
  readonly make: (value: unknown, given: Fields) => Made | undefined;
  /** Without all of these the others aren't looked at. */
  readonly conditions: readonly Rule[];
  readonly rules: readonly Rule[];
}
interface Made {
  readonly value: unknown;
}
type Maker = (given: unknown) => object | undefined;

const makers = new WeakMap<ClassConstructor<object>, Maker | null>();

/**
 * What was given as its class where it certainly breaks no rule, else undefined: then class-transformer and class-validator say
 * what it is, and what is wrong. The rules are class-validator's own, found once a class; it finds and groups them anew for each
 * object, and writes errors for what is right as well.
 */
export function madeAtOnce<T extends object>(type: ClassConstructor<T>, given: object): T | undefined {
  return makerOf(type)?.(given) as T | undefined;
}

function makerOf(type: ClassConstructor<object>): Maker | null {
  let maker = makers.get(type);
  if (maker === undefined) {
    // A class within itself is left to class-transformer.
    makers.set(type, null);
    maker = compiled(type);
    makers.set(type, maker);
  }
  return maker;
}

/** Null where the class has a rule or transformation that isn't known here. */
function compiled(type: ClassConstructor<object>): Maker | null {
  const metadatas = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const names = new Set(metadatas.map(({ propertyName }) => propertyName));
  const fields = new Map<string, Field>();
  for (const name of names) {
    const field = compiledField(
      type,
      name,
      metadatas.filter(({ propertyName }) => propertyName === name),
    );
    if (field === null) return null;
    fields.set(name, field);
  }
  const isExposed = defaultMetadataStorage.getExposedProperties(type, TransformationType.PLAIN_TO_CLASS);
  if (fields.size === 0 || isExposed.length > 0 || Object.keys(new type()).some((name) => !names.has(name)))
    return null;
  return (given) => made(type, fields, given);
}

type Metadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

function compiledField(
  type: ClassConstructor<object>,
  name: string,
  metadatas: readonly Metadata[],
): Field | null {
  const conditions: Rule[] = [];
  const rules: Rule[] = [];
  let nested = false;
  for (const metadata of metadatas) {
    if (metadata.type === ValidationTypes.CONDITIONAL_VALIDATION) {
      const condition = metadata.constraints[0] as (owner: Fields, value: unknown) => boolean;
      conditions.push((value, owner) => condition(owner, value));
    } else if (metadata.type === ValidationTypes.NESTED_VALIDATION) nested = true;
    else if (metadata.type === ValidationTypes.CUSTOM_VALIDATION && metadata.validateIf === undefined)
      rules.push(...rulesOf(metadata));
    else if (metadata.type !== ValidationTypes.WHITELIST) return null;
  }
  const make = makeOf(type, name, nested);
  return make && { make, conditions, rules };
}

function rulesOf(metadata: Metadata): Rule[] {
  const { constraintCls, constraints, propertyName: property, each } = metadata;
  return getMetadataStorage()
    .getTargetValidatorConstraints(constraintCls)
    .map(({ instance }) => (value, owner) => {
      const about: ValidationArguments = {
        targetName: owner.constructor.name,
        property,
        object: owner,
        value,
        constraints,
      };
      // What is asynchronous answers a promise, which is not true.
      const holds = (one: unknown): boolean => instance.validate(one, about) === true;
      return each && Array.isArray(value) ? value.every(holds) : holds(value);
    });
}

function makeOf(type: ClassConstructor<object>, name: string, nested: boolean): Field['make'] | null {
  const kind = defaultMetadataStorage.findTypeMetadata(type, name);
  const transforms = defaultMetadataStorage.findTransformMetadatas(
    type,
    name,
    TransformationType.PLAIN_TO_CLASS,
  );
  if (transforms.some(({ options }) => options !== undefined && Object.keys(options).length > 0)) return null;
  if (transforms.length > 0) {
    if (kind !== undefined || nested) return null;
    return (given, obj) => {
      const about = { key: name, obj, type: TransformationType.PLAIN_TO_CLASS, options: {} };
      return {
        value: transforms.reduce(
          (value, { transformFn }) => transformFn({ ...about, value }) as unknown,
          given,
        ),
      };
    };
  }
  if (kind === undefined)
    return nested ? null : (value) => (typeof value === 'object' && value !== null ? undefined : { value });
  if (!nested || kind.options?.discriminator !== undefined) return null;
  const maker = makerOf(kind.typeFunction() as ClassConstructor<object>);
  return maker && ((value) => madeWithin(maker, value));
}

/** What is in a field, itself or its items, as the class that the field has. */
function madeWithin(maker: Maker, value: unknown): Made | undefined {
  if (value === null || value === undefined) return { value };
  if (!Array.isArray(value)) return wrapped(maker(value));
  const items = value.map(maker);
  return items.includes(undefined) ? undefined : { value: items };
}

function wrapped(value: object | undefined): Made | undefined {
  return value && { value };
}

function made(
  type: ClassConstructor<object>,
  fields: ReadonlyMap<string, Field>,
  given: unknown,
): object | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const object = new type() as Fields;
  for (const [name, value] of Object.entries(given)) {
    const of = fields.get(name)?.make(value, given as Fields);
    if (of === undefined) return undefined;
    object[name] = of.value;
  }
  for (const [name, { conditions, rules }] of fields) {
    const value = object[name];
    const holds = (rule: Rule): boolean => rule(value, object);
    if (conditions.every(holds) && !rules.every(holds)) return undefined;
  }
  return object;
}
