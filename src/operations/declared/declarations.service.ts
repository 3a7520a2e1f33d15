import { Injectable } from '@nestjs/common';
import type { FieldError } from '../../config/validation.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationRefusedError } from '../operation.errors.js';
import { OperationTypes } from '../run/operation-types.js';
import { nameFault, pathFault, type RegisteredType } from '../run/registered-type.js';
import { retryPolicyFault } from '../run/retry-policy.js';
import { DeclaredTypeStore } from './declared-type.store.js';
import { DeclaredTypes, policyOf, type RetryGiven } from './declared-types.js';
import { InputSchema, SchemaError } from './input-schema.js';

/** An operation type as somebody declares it. */
export interface Declaration {
  readonly title: string;
  readonly inputSchema: Record<string, unknown>;
  readonly tries: number;
  readonly timeoutS: number;
  readonly retry: RetryGiven;
  readonly path: string | null;
  readonly inlineMs: number;
}

/** A type can't be declared or deleted as things stand. */
export class DeclarationConflictError extends Error {
  override readonly name = 'DeclarationConflictError';

  constructor(
    readonly code: 'operation-type-handled' | 'operation-type-live',
    message: string,
  ) {
    super(message);
  }
}

/** Declares operation types that no TypeScript class has. */
@Injectable()
export class Declarations {
  /** Why no type can have a path, by the faces that have routes of their own there. */
  private readonly reserved: ((path: string) => string | null)[] = [];

  constructor(
    private readonly store: DeclaredTypeStore,
    private readonly declared: DeclaredTypes,
    private readonly types: OperationTypes,
    private readonly wakeUps: WakeUps,
  ) {}

  /** No type can be declared for whose path this gives a reason. */
  reserve(fault: (path: string) => string | null): void {
    this.reserved.push(fault);
  }

  /** Declares a type, or changes what was declared: of the operations that are there, their tries and timeouts stay. */
  async declare(name: string, given: Declaration): Promise<{ type: RegisteredType; isNew: boolean }> {
    await this.declared.fresh(0);
    const errors = this.faults(name, given);
    if (errors.length > 0) throw new OperationRefusedError('invalid-request', errors);
    const handled = this.types.get(name)?.declared === null;
    const { inputSchema, retry, ...rest } = given;
    const row = { ...rest, name, inputSchema: JSON.stringify(inputSchema), retry: JSON.stringify(retry) };
    const stored = handled ? 'running' : await this.store.declare(row);
    if (stored === 'running')
      throw new DeclarationConflictError(
        'operation-type-handled',
        `a handler of this service runs ${name}: choose another name`,
      );
    await this.changed();
    return { type: this.declared.get(name)!, isNew: stored === 'declared' };
  }

  /** Deletes a declaration; false where there is none. */
  async remove(name: string): Promise<boolean> {
    if (nameFault(name) !== null) return false;
    const removed = await this.store.remove(name, this.types.get(name)?.declared === null);
    if (removed === 'live')
      throw new DeclarationConflictError(
        'operation-type-live',
        `operations of ${name} have not ended: wait for them, or cancel them`,
      );
    await this.changed();
    return removed === 'removed';
  }

  private async changed(): Promise<void> {
    this.wakeUps.tell('types', '0');
    await this.declared.fresh(0);
  }

  private faults(name: string, { path, inputSchema, retry }: Declaration): FieldError[] {
    const others = this.types.all().filter((type) => type.name !== name);
    const wrong: [string, string | null][] = [
      ['name', nameFault(name)],
      ['path', path === null ? null : pathFault(path, others)],
      ...this.reserved.map((fault): [string, string | null] => ['path', path === null ? null : fault(path)]),
      ['retry', retryPolicyFault(policyOf(retry))],
      ['input_schema', schemaFault(inputSchema)],
    ];
    return wrong.flatMap(([path, message]) => (message === null ? [] : [{ path, message }]));
  }
}

function schemaFault(schema: Record<string, unknown>): string | null {
  try {
    InputSchema.checked(schema);
    return null;
  } catch (error) {
    if (error instanceof SchemaError) return `can't be used: ${error.message}`;
    throw error;
  }
}
