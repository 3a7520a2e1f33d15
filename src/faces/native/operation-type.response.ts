import type { RegisteredType } from '../../operations/run/operation-types.js';
import { inputSchema } from '../input-schema.js';

/** An operation type, and the JSON Schema of its input. */
export class OperationTypeResponse {
  name: string;
  title: string;
  /** Route of the trm face under `/api/`; null when it has none. */
  path: string | null;
  timeout_s: number;
  /** JSON Schema (draft 2020-12) of `input`. */
  input_schema: Record<string, unknown>;

  static from({ name, title, path, maxTimeoutS, input }: RegisteredType): OperationTypeResponse {
    return { name, title, path, timeout_s: maxTimeoutS, input_schema: inputSchema(input) };
  }
}
