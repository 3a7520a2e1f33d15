import type { IncomingHttpHeaders } from 'node:http';
import { originForm } from '../http/request-target.js';
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

/** A request of which that is the answer; its path and query. */
export interface AnsweredRequest {
  readonly method: string;
  readonly target: string;
}

/** What a background request ends with that was answered so. */
export function upstreamOutcome(
  { method, target }: AnsweredRequest,
  { status, headers: all, contentType, file }: KeptUpstreamAnswer,
): OperationOutcome {
  const leads = status === 201 || status === 202 || (status >= 300 && status < 400);
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((header) => {
      const value = all[header];
      if (value === undefined) return [];
      return [[header, header === 'location' && leads ? fromRoot(String(value), target) : value]];
    }),
  );
  const result: UpstreamResult = { status, content_type: contentType, headers };
  return { file, result, statusText: `${method} answered ${status}` };
}

/** A reference that is relative to the path that was asked for, from the root: it is followed from another path. All others as they are. */
function fromRoot(location: string, target: string): string {
  if (/^(?:[a-z][a-z\d+.-]*:|\/|#|$)/i.test(location)) return location;
  const path = originForm(target).split('?')[0]!;
  const led = (location.startsWith('?') ? path : path.slice(0, path.lastIndexOf('/') + 1)) + location;
  // Two slashes at the beginning would name a host.
  return led.startsWith('//') ? `/.${led}` : led;
}
