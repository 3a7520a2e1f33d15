import { Injectable, type OnModuleInit, Optional, type Type } from '@nestjs/common';
import { DiscoveryService, Reflector } from '@nestjs/core';
import type { ClassConstructor } from 'class-transformer';
import { validated, withoutFields } from '../../config/validation.js';
import { OperationRefusedError } from '../operation.errors.js';
import { OPERATION_TYPE, type OperationHandler, type OperationTypeOptions } from './operation-type.js';
import { DeclaredTypes } from '../declared/declared-types.js';
import { type Declared, nameFault, pathFault, type RegisteredType } from './registered-type.js';
import { retryPolicy, retryPolicyFault } from './retry-policy.js';

export type { RegisteredType } from './registered-type.js';

/** A handler and what its `@OperationType` says. */
export interface FoundHandler {
  readonly options: OperationTypeOptions;
  readonly handler: OperationHandler;
  readonly className: string;
}

/** Handlers that come from outside of this application's modules: an embedding host's. */
export class GivenHandlers {
  constructor(readonly handlers: readonly FoundHandler[]) {}
}

/** Every provider of an application whose class is marked with `@OperationType`. */
export function findHandlers(discovery: DiscoveryService, reflector: Reflector): FoundHandler[] {
  const found = new Map<unknown, FoundHandler>();
  for (const wrapper of discovery.getProviders()) {
    const instance: unknown = wrapper.instance;
    // Not the wrapper's metatype: for a provider that a factory makes, that is the factory.
    const type = (instance as object | null | undefined)?.constructor;
    const options =
      typeof type === 'function'
        ? reflector.get<OperationTypeOptions | undefined>(OPERATION_TYPE, type)
        : undefined;
    if (!options || found.has(instance)) continue;
    if (!wrapper.isDependencyTreeStatic())
      throw new Error(
        `operation type "${options.name}": ${type!.name} is made per request; make it a singleton`,
      );
    found.set(instance, { options, handler: instance as OperationHandler, className: type!.name });
  }
  return [...found.values()];
}

/** Milliseconds after which what is known of declared types is read again, where no wake-up has told that they have changed. */
const MAX_AGE_MS = 5_000;

/**
 * Every operation type: those of this process, found by `@OperationType`, of which wrong or doubled ones stop the boot, and those that
 * are declared, which remote workers run. A handler beats a declaration of its name.
 */
@Injectable()
export class OperationTypes implements OnModuleInit {
  private readonly types = new Map<string, RegisteredType>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly reflector: Reflector,
    @Optional() private readonly given?: GivenHandlers,
    @Optional() private readonly declared?: DeclaredTypes,
  ) {}

  onModuleInit(): void {
    const found = [...findHandlers(this.discovery, this.reflector), ...(this.given?.handlers ?? [])];
    for (const { options, handler, className } of found) this.register(options, handler, className);
    if (this.types.size === 0)
      throw new Error('no operation type is registered: name handlers in RINGBACK_HANDLERS');
  }

  all(): RegisteredType[] {
    const declared = (this.declared?.all() ?? []).filter(({ name }) => !this.types.has(name));
    return [...this.types.values(), ...declared].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Those that handlers of this process run. */
  handled(): RegisteredType[] {
    return this.listed().filter(({ declared }) => declared === null);
  }

  /** Those that callers may name. */
  listed(): RegisteredType[] {
    return this.all().filter((type) => !type.internal && !type.handler.disabled);
  }

  /** As far as is known here: of a declared type, `find` knows more. */
  get(name: string): RegisteredType | undefined {
    return this.types.get(name) ?? this.declared?.get(name);
  }

  /** The type as it stands, also where it has just been declared over another process. */
  async find(name: string): Promise<RegisteredType | undefined> {
    const handled = this.types.get(name);
    if (handled || !this.declared) return handled;
    await this.declared.fresh(MAX_AGE_MS);
    if (!this.declared.get(name)) await this.declared.fresh(0);
    return this.declared.get(name);
  }

  /** Resolves when what is known of declared types is new enough to be listed. */
  async fresh(): Promise<void> {
    await this.declared?.fresh(MAX_AGE_MS);
  }

  /** Grows whenever declared types have changed. */
  get version(): number {
    return this.declared?.version ?? 0;
  }

  /** The input as its class, or an `OperationRefusedError` with the path of every field that is wrong. */
  check(type: RegisteredType, input: unknown): Promise<unknown> {
    return checkInput(type, input);
  }

  /** The input without the fields that its type doesn't have. */
  async known(type: RegisteredType, input: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (type.declared) {
      const { unknown } = type.declared.schema.check(input);
      return unknown.length === 0 ? input : withoutFields(input, unknown);
    }
    if (!type.input) return input;
    const { unknown } = await validated(type.input as ClassConstructor<object>, input);
    return unknown.length === 0 ? input : withoutFields(input, unknown);
  }

  private register(options: OperationTypeOptions, handler: OperationHandler, className: string): void {
    const { name, title, input, tries = 3, timeoutS = 3600, path, inlineMs = 0 } = options;
    const { internal = false, apart = false, slotless = false } = options;
    const misnamed = nameFault(name);
    if (misnamed !== null) throw new Error(`operation type "${name}" of ${className}: ${misnamed}`);
    if (typeof handler.run !== 'function')
      throw new Error(`operation type "${name}": ${className} has no method run(input, context)`);
    const fault = retryPolicyFault(options);
    if (fault !== null) throw new Error(`operation type "${name}": ${fault}`);
    if (this.types.has(name)) throw new Error(`two handlers for operation type "${name}": rename one`);
    const misplaced = path === undefined ? null : pathFault(path, [...this.types.values()]);
    if (misplaced !== null) throw new Error(`operation type "${name}": ${misplaced}`);
    this.types.set(name, {
      name,
      title,
      handler,
      timeoutS,
      internal,
      apart,
      slotless,
      path: path ?? null,
      inlineMs: Math.min(Math.max(inlineMs, 0), 60_000),
      input: input ?? null,
      retry: retryPolicy(options),
      declared: null,
      tries: (given) => Math.max(1, typeof tries === 'number' ? tries : tries(given as object)),
    });
  }
}

/** The input as the class of its type, or an `OperationRefusedError`. */
export async function checkInput(
  {
    name,
    input: inputClass,
    handler,
    declared,
  }: Pick<RegisteredType, 'name' | 'input' | 'handler'> & Partial<Pick<RegisteredType, 'declared'>>,
  input: unknown,
): Promise<unknown> {
  if (declared) return declaredInput(declared, input);
  const instance = inputClass ? await toInstance(name, inputClass, input) : input;
  const faults = await handler.check?.(instance);
  if (faults && faults.length > 0) throw new OperationRefusedError('invalid-input', faults);
  return instance;
}

async function toInstance(name: string, inputClass: Type<object>, input: unknown): Promise<object> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new OperationRefusedError('invalid-input', [
      { path: 'input', message: `must be an object, as ${name} describes it` },
    ]);
  }
  const { value, errors, unknown } = await validated(inputClass as ClassConstructor<object>, input, 'input');
  if (errors.length > 0) throw new OperationRefusedError('invalid-input', errors, null, unknown.length > 0);
  return value;
}

function declaredInput({ schema }: Declared, input: unknown): unknown {
  const { errors, unknown } = schema.check(input ?? null);
  if (errors.length > 0) throw new OperationRefusedError('invalid-input', errors, null, unknown.length > 0);
  return input;
}
