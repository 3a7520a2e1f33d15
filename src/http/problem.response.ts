import { ApiInteger } from './api-properties.js';

/** A field that is wrong, and what would be right. */
export class FieldErrorResponse {
  path: string;
  message: string;
}

/** RFC 9457 problem details; the body of every error. */
export class ProblemResponse {
  /** Always `about:blank`: `code` tells problems apart. */
  type: string;
  title: string;
  @ApiInteger()
  status: number;
  /** Stable, for programs. */
  code: string;
  /** For people: what is wrong and the remedy. */
  detail: string;
  errors?: FieldErrorResponse[];
  /** Of `operation-ended`: how it ended. */
  status_of_operation?: string;
}
