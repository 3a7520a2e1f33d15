import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { FieldError } from '../config/validation.js';
import { originForm } from './request-target.js';

export interface ProblemExtras {
  /** For input: which fields are wrong and what would be right. */
  readonly errors?: readonly FieldError[];
  /** Response headers, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer that is an error: RFC 9457 problem details with a stable `code`. */
export class Problem extends Error {
  override readonly name = 'Problem';

  readonly detail: string;

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly extras: ProblemExtras = {},
  ) {
    // It may quote what was wrong with the request.
    const text = detail.toWellFormed();
    super(text);
    this.detail = text;
  }

  /** The `application/problem+json` body. */
  toBody(): Record<string, unknown> {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      code: this.code,
      detail: this.detail,
      ...(this.extras.errors ? { errors: this.extras.errors.map(wellFormed) } : {}),
      ...this.extras.members,
    };
  }
}

function wellFormed({ path, message }: FieldError): FieldError {
  return { path: path.toWellFormed(), message: message.toWellFormed() };
}

/** How a face with an error body of its own says a problem: status and JSON body. Headers stay the problem's. */
export type ErrorDialect = (problem: Problem) => { readonly status: number; readonly body: unknown };

const dialects = new Map<string, ErrorDialect>();

/** Lets errors below a path, those before any route is found too, be said in a face's own words. */
export function speakErrorsBelow(path: string, dialect: ErrorDialect): void {
  dialects.set(path, dialect);
}

/** A problem as it goes over the wire. */
export interface SpokenProblem {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A problem in the words of the face that was asked; `asked` is its route or path, null where no face was. */
export function spoken(problem: Problem, asked: string | null): SpokenProblem {
  const dialect = asked === null ? undefined : [...dialects].find(([path]) => asked.startsWith(path))?.[1];
  const { status, body } = dialect?.(problem) ?? { status: problem.status, body: problem.toBody() };
  const type = dialect ? 'application/json; charset=utf-8' : 'application/problem+json';
  return { status, type, body: JSON.stringify(body) };
}

/** Answers with a problem, in the words of the face that was asked. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  // By the route, where one was found: a URL can be spelled in many ways.
  const asked = reply.request.routeOptions.url ?? originForm(reply.request.url);
  const { status, type, body } = spoken(problem, asked);
  void reply
    .status(status)
    .headers({ ...problem.extras.headers })
    .type(type)
    .send(body);
}
