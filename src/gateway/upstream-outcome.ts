import type { IncomingHttpHeaders } from 'node:http';
import type { OperationOutcome } from '../operations/run/operation-type.js';

/** Response headers without which the kept bytes would mean something else. */
const KEPT_HEADERS = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'content-range',
  'location',
] as const;

/** The result of `bgrs.request`: what `/bgrs/:rid/result` needs besides the bytes. */
export interface UpstreamResult {
  readonly status: number;
  readonly content_type: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer of the upstream's whose bytes are kept in a file. */
export interface KeptUpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly contentType: string;
  readonly file: string;
}

/** What a background request ends with that was answered so. */
export function upstreamOutcome(
  method: string,
  { status, headers: all, contentType, file }: KeptUpstreamAnswer,
): OperationOutcome {
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((header) => {
      const value = all[header];
      return value === undefined ? [] : [[header, value]];
    }),
  );
  const result: UpstreamResult = { status, content_type: contentType, headers };
  return { file, result, statusText: `${method} answered ${status}` };
}
