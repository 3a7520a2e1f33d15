import { Injectable, type OnModuleInit, Optional, type Type } from '@nestjs/common';
import { DiscoveryService, Reflector } from '@nestjs/core';
import type { ClassConstructor } from 'class-transformer';
import { validated, withoutFields } from '../../config/validation.js';
import { OperationRefusedError } from '../operation.errors.js';
import { OPERATION_TYPE, type OperationHandler, type OperationTypeOptions } from './operation-type.js';
import { type RetryPolicy, retryPolicy, retryPolicyFault } from './retry-policy.js';

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
  /** The most that a caller may ask for. */
  readonly maxTimeoutS: number;
  readonly retry: RetryPolicy;
  readonly handler: OperationHandler;
  tries(input: unknown): number;
  /** Where the caller asks for none. */
  timeoutS(input: unknown): number;
}

const DEFAULT_TIMEOUT_S = 3600;
/** Segments may be parameters: `orders/{id}/files`. */
const PATH = /^([\w-]+|\{[a-z]\w*\})(\/([\w-]+|\{[a-z]\w*\}))*$/i;
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

const NAME = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;

/** Every operation type of this process, found by `@OperationType`. Wrong or doubled ones stop the boot. */
@Injectable()
export class OperationTypes implements OnModuleInit {
  private readonly types = new Map<string, RegisteredType>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly reflector: Reflector,
    @Optional() private readonly given?: GivenHandlers,
  ) {}

  onModuleInit(): void {
    const found = [...findHandlers(this.discovery, this.reflector), ...(this.given?.handlers ?? [])];
    for (const { options, handler, className } of found) this.register(options, handler, className);
    if (this.types.size === 0)
      throw new Error('no operation type is registered: name handlers in RINGBACK_HANDLERS');
  }

  all(): RegisteredType[] {
    return [...this.types.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Those that callers may name. */
  listed(): RegisteredType[] {
    return this.all().filter((type) => !type.internal && !type.handler.disabled);
  }

  get(name: string): RegisteredType | undefined {
    return this.types.get(name);
  }

  /** The input as its class, or an `OperationRefusedError` with the path of every field that is wrong. */
  check(type: RegisteredType, input: unknown): Promise<unknown> {
    return checkInput(type, input);
  }

  /** The input without the fields that its type doesn't have. */
  async known(type: RegisteredType, input: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (!type.input) return input;
    const { unknown } = await validated(type.input as ClassConstructor<object>, input);
    return unknown.length === 0 ? input : withoutFields(input, unknown);
  }

  private register(options: OperationTypeOptions, handler: OperationHandler, className: string): void {
    const {
      name,
      title,
      input,
      tries = 3,
      timeoutS = DEFAULT_TIMEOUT_S,
      maxTimeoutS,
      path,
      inlineMs = 0,
    } = options;
    const { internal = false, apart = false, slotless = false } = options;
    if (!NAME.test(name))
      throw new Error(
        `operation type "${name}" of ${className}: use dotted lower case, like segments.export`,
      );
    if (typeof handler.run !== 'function')
      throw new Error(`operation type "${name}": ${className} has no method run(input, context)`);
    const fault = retryPolicyFault(options);
    if (fault !== null) throw new Error(`operation type "${name}": ${fault}`);
    if (this.types.has(name)) throw new Error(`two handlers for operation type "${name}": rename one`);
    if (path !== undefined && !PATH.test(path))
      throw new Error(
        `operation type "${name}": the path "${path}" must be segments of letters, digits, - and _, or {name}, between single slashes`,
      );
    const taken =
      path === undefined
        ? undefined
        : this.all().find((type) => type.path !== null && shape(type.path) === shape(path));
    if (taken)
      throw new Error(
        `operation types "${taken.name}" and "${name}" have the same path "${path}": change one`,
      );
    this.types.set(name, {
      name,
      title,
      handler,
      internal,
      apart,
      slotless,
      path: path ?? null,
      inlineMs: Math.min(Math.max(inlineMs, 0), 60_000),
      input: input ?? null,
      retry: retryPolicy(options),
      maxTimeoutS: maxTimeoutS ?? (typeof timeoutS === 'number' ? timeoutS : DEFAULT_TIMEOUT_S),
      timeoutS: (given) => (typeof timeoutS === 'number' ? timeoutS : timeoutS(given as object)),
      tries: (given) => Math.max(1, typeof tries === 'number' ? tries : tries(given as object)),
    });
  }
}

/** What tells two paths apart: their parameters' names don't. */
function shape(path: string): string {
  return path.replace(/\{\w+\}/g, '{}');
}

/** The input as the class of its type, or an `OperationRefusedError`. */
export async function checkInput(
  { name, input: inputClass, handler }: Pick<RegisteredType, 'name' | 'input' | 'handler'>,
  input: unknown,
): Promise<unknown> {
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
