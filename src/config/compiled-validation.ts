import { type ClassConstructor, TransformationType } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, type ValidationArguments, ValidationTypes } from 'class-validator';

type Fields = Record<string, unknown>;
type Rule = (value: unknown, owner: Fields) => boolean;

interface Field {
  readonly name: string;
  /** What a value is made into, `UNMADE` where that takes class-transformer itself. */
  readonly make: (value: unknown, given: Fields) => unknown;
  /** Without all of these the others aren't looked at. */
  readonly conditions: readonly Rule[];
  readonly rules: readonly Rule[];
}
type Maker = (given: unknown) => object | undefined;

const UNMADE = Symbol('unmade');

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
  const judged = [...fields.values()].filter(({ rules }) => rules.length > 0);
  return (given) => made(type, fields, judged, given);
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
      rules.push(...rulesOf(type.name, metadata));
    else if (metadata.type !== ValidationTypes.WHITELIST) return null;
  }
  const make = makeOf(type, name, nested);
  return make && { name, make, conditions, rules };
}

function rulesOf(targetName: string, metadata: Metadata): Rule[] {
  const { constraintCls, constraints, propertyName: property, each } = metadata;
  return getMetadataStorage()
    .getTargetValidatorConstraints(constraintCls)
    .map(({ instance }) => (value, owner) => {
      const about: ValidationArguments = { targetName, property, object: owner, value, constraints };
      // What is asynchronous answers a promise, which is not true.
      if (!each || !Array.isArray(value)) return instance.validate(value, about) === true;
      return value.every((one) => instance.validate(one, about) === true);
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
      return transforms.reduce(
        (value, { transformFn }) => transformFn({ ...about, value }) as unknown,
        given,
      );
    };
  }
  if (kind === undefined)
    return nested ? null : (value) => (typeof value === 'object' && value !== null ? UNMADE : value);
  if (!nested || kind.options?.discriminator !== undefined) return null;
  const maker = makerOf(kind.typeFunction() as ClassConstructor<object>);
  return maker && ((value) => madeWithin(maker, value));
}

/** What is in a field, itself or its items, as the class that the field has. */
function madeWithin(maker: Maker, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (!Array.isArray(value)) return maker(value) ?? UNMADE;
  const items = value.map(maker);
  return items.includes(undefined) ? UNMADE : items;
}

function made(
  type: ClassConstructor<object>,
  fields: ReadonlyMap<string, Field>,
  judged: readonly Field[],
  given: unknown,
): object | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const object = new type() as Fields;
  for (const name of Object.keys(given)) {
    const field = fields.get(name);
    const value = field ? field.make((given as Fields)[name], given as Fields) : UNMADE;
    if (value === UNMADE) return undefined;
    object[name] = value;
  }
  for (const { name, conditions, rules } of judged)
    if (allHold(conditions, object[name], object) && !allHold(rules, object[name], object)) return undefined;
  return object;
}

function allHold(rules: readonly Rule[], value: unknown, owner: Fields): boolean {
  for (const rule of rules) if (!rule(value, owner)) return false;
  return true;
}
