import { ApiInteger, ApiTime } from '../../http/api-properties.js';
import type { Declared, RegisteredType } from '../../operations/run/registered-type.js';
import { schemaOfType } from '../input-schema.js';
import type { RetryRequest } from './operation-type.request.js';

/** An operation type, and the JSON Schema of its input. */
export class OperationTypeResponse {
  name: string;
  title: string;
  /** Route of the trm face under `/api/`; null when it has none. */
  path: string | null;
  timeout_s: number;
  /** JSON Schema (draft 2020-12) of `input`. */
  input_schema: Record<string, unknown>;
  /** Workers over HTTP run it. The fields below are there of such a type alone. */
  declared: boolean;
  @ApiInteger()
  tries?: number;
  retry?: RetryRequest;
  @ApiInteger()
  inline_ms?: number;
  @ApiTime()
  updated_at?: string;

  static from(type: RegisteredType): OperationTypeResponse {
    const { name, title, path, timeoutS, declared } = type;
    return {
      name,
      title,
      path,
      timeout_s: timeoutS,
      input_schema: schemaOfType(type),
      declared: declared !== null,
      ...(declared === null ? {} : declaredFields(type, declared)),
    };
  }
}

function declaredFields(
  { retry: { backoffS, retryOn, noRetryOn }, inlineMs }: RegisteredType,
  { tries, updatedAt }: Declared,
): Partial<OperationTypeResponse> {
  return {
    tries,
    // Of a declared type it is never a function.
    retry: { backoff_s: [...(backoffS as number[])], retry_on: [...retryOn], no_retry_on: [...noRetryOn] },
    inline_ms: inlineMs,
    updated_at: updatedAt.toISOString(),
  };
}
