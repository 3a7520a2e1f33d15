import { Transform as TransformValue } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import type { FieldError } from '../../config/validation.js';
import { EgressConfig } from '../../config/config.js';
import { HEADER_NAME } from '../../config/header-form.js';
import { HttpRequestEgress } from '../../egress/egress.module.js';
import type { EgressResponse } from '../../egress/egress.js';
import { isForbiddenHeader } from '../../egress/header-rules.js';
import { shownUrl } from '../../signing/sealed-destination.js';
import type { OperationContext } from '../run/operation-context.js';
import { OperationError } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import { type OperationHandler, type OperationOutcome, OperationType } from '../run/operation-type.js';
import { OriginCalls } from '../run/origin-calls.store.js';
import { BACKOFF_S, keepResponse, transportFault, triesOf } from './kept-response.js';

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
/** The operation's own timeout rules; this one is never first. */
const REQUEST_MS = 7 * 86_400_000;

const DISABLED =
  'http.request is disabled here: have the operator name the hosts that it may call in RINGBACK_HTTP_HOSTS, or * for any public one';

export class HttpRequestInput {
  /** Method of the request. */
  @IsIn(METHODS)
  method: (typeof METHODS)[number];

  /** Absolute http or https URL. */
  @IsString()
  @Length(1, 2048)
  url: string;

  /** Header name → value. */
  @IsOptional()
  @IsObject()
  headers?: Record<string, string>;

  /** Sent as it is when a string, else as JSON. */
  @IsOptional()
  // As it came: class-transformer drops keys that every object inherits, such as toString.
  @TransformValue(({ obj }: { obj: { body?: unknown } }) => obj.body)
  body?: string | object;

  /** How often to try when the transport fails; 3 for idempotent methods, 1 for the others. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10)
  tries?: number;
}

/** Makes any HTTP request in the background and keeps the response. A 4xx or 5xx is a response like any other. */
@OperationType<HttpRequestInput>({
  name: 'http.request',
  title: 'Make an HTTP request and keep its response',
  input: HttpRequestInput,
  tries: (input) => input.tries ?? triesOf(input.method),
  backoffS: BACKOFF_S,
})
export class HttpRequestHandler implements OperationHandler<HttpRequestInput> {
  readonly disabled: string | null;

  constructor(
    private readonly egress: HttpRequestEgress,
    private readonly places: OriginCalls,
    private readonly config: EgressConfig,
  ) {
    this.disabled = config.httpHosts === null ? DISABLED : null;
  }

  calls({ url }: HttpRequestInput): string {
    return url;
  }

  /** The query and the headers often hold a token. */
  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    const { headers, body, ...rest } = input as HttpRequestInput;
    const withBody = body === undefined ? {} : { body };
    return {
      shown: { ...rest, url: shownUrl(rest.url), ...(bodies ? {} : withBody) },
      sealed: { url: rest.url, ...(headers === undefined ? {} : { headers }), ...(bodies ? withBody : {}) },
    };
  }

  check(input: HttpRequestInput): FieldError[] {
    const errors: FieldError[] = [];
    const checked = this.egress.policy.check(input.url);
    if (!checked.accepted) errors.push({ path: 'input.url', message: checked.reason });
    for (const [name, value] of Object.entries(input.headers ?? {})) {
      if (!HEADER_NAME.test(name))
        errors.push({ path: `input.headers.${name.slice(0, 64)}`, message: 'is not a header name' });
      else if (isForbiddenHeader(name))
        errors.push({
          path: `input.headers.${name}`,
          message: 'is set by Ringback or the connection: leave it out',
        });
      else if (typeof value !== 'string' || !/^[\x20-\x7e\t]{0,8192}$/.test(value)) {
        errors.push({ path: `input.headers.${name}`, message: 'must be printable ASCII of at most 8 KiB' });
      }
    }
    if (
      input.body !== undefined &&
      typeof input.body !== 'string' &&
      (typeof input.body !== 'object' || input.body === null)
    ) {
      errors.push({ path: 'input.body', message: 'must be a string or an object' });
    }
    return errors;
  }

  async run(input: HttpRequestInput, context: RunContext): Promise<OperationOutcome> {
    const { origin } = new URL(input.url);
    context.progress(0, `${input.method} ${origin}`);
    await this.places.take(origin, context);
    let answered = false;
    try {
      const response = await this.send(input, context);
      answered = response.status >= 200 && response.status <= 299;
      context.progress(50, `${response.status} ${response.statusText}`.trim());
      return await this.keep(response, input, context);
    } catch (error) {
      if (context.signal.aborted || error instanceof OperationError) throw error;
      throw transportFault(error);
    } finally {
      // In an outage the end of the run's lease gives it back.
      await this.places.giveBack(origin, context, answered).catch(() => undefined);
    }
  }

  private send(input: HttpRequestInput, context: OperationContext): Promise<EgressResponse> {
    const json = typeof input.body === 'object';
    const named = Object.keys(input.headers ?? {}).some((name) => name.toLowerCase() === 'content-type');
    const traced = Object.keys(input.headers ?? {}).some((name) => name.toLowerCase() === 'traceparent');
    return this.egress.request({
      url: input.url,
      method: input.method,
      headers: {
        ...(json && !named ? { 'content-type': 'application/json' } : {}),
        ...(context.traceparent === null || traced ? {} : { traceparent: context.traceparent }),
        ...input.headers,
      },
      body:
        input.body === undefined
          ? undefined
          : typeof input.body === 'string'
            ? input.body
            : JSON.stringify(input.body),
      timeoutMs: REQUEST_MS,
      signal: context.signal,
      maxResponseBytes: this.config.httpBytes,
    });
  }

  private async keep(
    response: EgressResponse,
    input: HttpRequestInput,
    context: OperationContext,
  ): Promise<OperationOutcome> {
    const name = new URL(input.url).pathname.split('/').at(-1) || 'response';
    const { file, contentType, text } = await keepResponse(response, name, context);
    const body = inlineBody(text, contentType);
    return {
      file: file.id,
      result: {
        status: response.status,
        content_type: contentType,
        ...(body === undefined ? {} : { body }),
        file: file.id,
      },
      statusText: `${input.method} answered ${response.status}`,
    };
  }
}

function inlineBody(text: string | undefined, contentType: string): unknown {
  if (text === undefined || !/json/i.test(contentType)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
