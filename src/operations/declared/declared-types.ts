import { Injectable } from '@nestjs/common';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationError } from '../run/operation-context.js';
import type { OperationHandler } from '../run/operation-type.js';
import type { RegisteredType } from '../run/registered-type.js';
import { type RetryPolicy, retryPolicy } from '../run/retry-policy.js';
import { DeclaredTypeStore } from './declared-type.store.js';
import { InputSchema } from './input-schema.js';
import type { OperationTypeEntity } from './operation-type.entity.js';

/** What a retry policy is on the wire and in the table. */
export interface RetryGiven {
  readonly backoff_s?: readonly number[];
  readonly retry_on?: readonly string[];
  readonly no_retry_on?: readonly string[];
}

/** No worker of this service runs a declared type. */
const REMOTE: OperationHandler = {
  run: () => Promise.reject(new OperationError('no_handler', 'this type is run by remote workers', true)),
};

/** The declared types, as this process last read them. */
@Injectable()
export class DeclaredTypes {
  private types = new Map<string, RegisteredType>();
  /** When the read began that this is of. */
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;
  /** Grows whenever they have changed. */
  version = 0;

  constructor(
    private readonly store: DeclaredTypeStore,
    wakeUps: WakeUps,
  ) {
    wakeUps.on('types', () => this.forget());
  }

  all(): RegisteredType[] {
    return [...this.types.values()];
  }

  get(name: string): RegisteredType | undefined {
    return this.types.get(name);
  }

  /** What is known is no longer: the next one who needs it reads it. */
  forget(): void {
    this.readAt = -Infinity;
  }

  /** Resolves when what is known here isn't older than this. */
  async fresh(maxAgeMs: number): Promise<void> {
    const since = performance.now() - maxAgeMs;
    while (this.readAt < since) {
      this.reading ??= this.read().finally(() => (this.reading = undefined));
      await this.reading;
    }
  }

  private async read(): Promise<void> {
    const began = performance.now();
    const rows = await this.store.all();
    const before = this.types;
    this.types = new Map(
      rows.map((row) => {
        const known = before.get(row.name);
        const same = known?.declared?.updatedAt.getTime() === row.updatedAt.getTime();
        return [row.name, known && same ? known : registered(row)];
      }),
    );
    const changed =
      rows.length !== before.size || rows.some(({ name }) => this.types.get(name) !== before.get(name));
    if (changed) this.version++;
    this.readAt = began;
  }
}

/** A declared type as the service knows types. */
export function registered(row: OperationTypeEntity): RegisteredType {
  const { name, title, path, inlineMs, timeoutS, tries, updatedAt } = row;
  return {
    name,
    title,
    path,
    inlineMs,
    timeoutS,
    internal: false,
    apart: false,
    slotless: false,
    input: null,
    retry: policyOf(JSON.parse(row.retry) as RetryGiven),
    handler: REMOTE,
    declared: {
      schema: new InputSchema(JSON.parse(row.inputSchema) as Record<string, unknown>),
      tries,
      updatedAt,
    },
    tries: () => tries,
  };
}

/** The policy that was declared, with the defaults for what wasn't. */
export function policyOf({ backoff_s, retry_on, no_retry_on }: RetryGiven): RetryPolicy {
  return retryPolicy({
    ...(backoff_s === undefined ? {} : { backoffS: backoff_s }),
    ...(retry_on === undefined ? {} : { retryOn: retry_on }),
    ...(no_retry_on === undefined ? {} : { noRetryOn: no_retry_on }),
  });
}
