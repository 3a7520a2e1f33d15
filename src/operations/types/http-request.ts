import { EgressConfig, OperationConfig } from '../../config/config.js';
import type { FieldError } from '../../config/validation.js';
import { HttpRequestEgress } from '../../egress/egress.module.js';
import type { EgressResponse } from '../../egress/egress.js';
import type { SmallAnswer } from '../../egress/small-request.js';
import { shownUrl } from '../../signing/sealed-destination.js';
import { Suspension } from '../await/suspension.js';
import { Jobs } from '../poll/jobs.js';
import { peek } from '../poll/peek.js';
import { PollAnswer } from '../poll/poll-answer.js';
import { checkPoll, MAX_UNTIL_S, planOf } from '../poll/poll-input.js';
import {
  isTrusted,
  type JobRequest,
  type KeptAnswer,
  MAX_ANSWER_BYTES,
  originOf,
  pollHeaders,
  type PollingHandler,
  type PollTarget,
} from '../poll/polling-handler.js';
import type { OperationContext } from '../run/operation-context.js';
import { OperationError } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import { type OperationHandler, type OperationOutcome, OperationType } from '../run/operation-type.js';
import { OriginCalls } from '../run/origin-calls.store.js';
import { headerFaults, HttpRequestInput } from './http-request-input.js';
import { BACKOFF_S, keepResponse, nameOf, transportFault, triesOf } from './kept-response.js';

export { HttpRequestInput } from './http-request-input.js';

/** The operation's own timeout rules; this one is never first. */
const REQUEST_MS = 7 * 86_400_000;
/** Seconds that a request may take. */
const TIMEOUT_S = 3_600;

const DISABLED =
  'http.request is disabled here: have the operator name the hosts that it may call in RINGBACK_HTTP_HOSTS, or * for any public one';

/**
 * Makes any HTTP request in the background and keeps the response; where that only names a job, the job's result. A 4xx or 5xx is a
 * response like any other.
 */
@OperationType<HttpRequestInput>({
  name: 'http.request',
  title: 'Make an HTTP request and keep its response',
  input: HttpRequestInput,
  tries: (input) => input.tries ?? triesOf(input.method),
  backoffS: BACKOFF_S,
  timeoutS: (input) => TIMEOUT_S + (input.poll === undefined ? 0 : planOf(input.poll).untilS),
  maxTimeoutS: TIMEOUT_S + MAX_UNTIL_S,
})
export class HttpRequestHandler implements OperationHandler<HttpRequestInput>, PollingHandler {
  readonly disabled: string | null;

  constructor(
    private readonly egress: HttpRequestEgress,
    private readonly places: OriginCalls,
    private readonly jobs: Jobs,
    private readonly config: EgressConfig,
    private readonly operations: OperationConfig,
  ) {
    this.disabled = config.httpHosts === null ? DISABLED : null;
  }

  calls({ url }: HttpRequestInput): string {
    return url;
  }

  /** The query and the headers often hold a token. */
  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    const { headers, body, poll, ...rest } = input as HttpRequestInput;
    const withBody = body === undefined ? {} : { body };
    const withPoll = poll === undefined ? {} : { poll };
    // URLs that a plan has may hold a token in their query, as the first one's.
    const isSecret = JSON.stringify(withPoll).includes('?');
    return {
      shown: {
        ...rest,
        url: shownUrl(rest.url),
        ...(isSecret ? {} : withPoll),
        ...(bodies ? {} : withBody),
      },
      sealed: {
        url: rest.url,
        ...(headers === undefined ? {} : { headers }),
        ...(isSecret ? withPoll : {}),
        ...(bodies ? withBody : {}),
      },
    };
  }

  async check({ url, headers = {}, body, poll }: HttpRequestInput): Promise<FieldError[]> {
    const refusal = this.refusalOf(url);
    const errors = refusal === null ? [] : [{ path: 'input.url', message: refusal }];
    errors.push(...headerFaults(headers));
    if (body !== undefined && typeof body !== 'string' && (typeof body !== 'object' || body === null)) {
      errors.push({ path: 'input.body', message: 'must be a string or an object' });
    }
    if (poll !== undefined) errors.push(...(await checkPoll(poll, 'input.poll', this.operations.pollMinS)));
    return errors;
  }

  async run(input: HttpRequestInput, context: RunContext): Promise<OperationOutcome> {
    if (context.checkpoint !== null) return this.goOn(context);
    context.progress(0, `${input.method} ${new URL(input.url).origin}`);
    return this.answered(
      input.url,
      context,
      () => this.send(input, context),
      async (response) => {
        if (input.poll !== undefined) return this.follow(response, input, context);
        context.progress(50, `${response.status} ${response.statusText}`.trim());
        return this.finish(response, input, context);
      },
    );
  }

  ask(target: PollTarget, request: JobRequest): Promise<SmallAnswer> {
    return this.egress.small({
      ...request,
      headers: headersFor(target, request.url),
      maxBytes: MAX_ANSWER_BYTES,
    });
  }

  isStranger({ asked }: PollTarget, url: string): boolean {
    return originOf(url) !== originOf(asked);
  }

  outcome({ url }: PollTarget, { status, contentType, file, text }: KeptAnswer): OperationOutcome {
    return {
      ...outcomeOf(status, contentType, file, text),
      statusText: `The job at ${new URL(url).host} has ended`,
    };
  }

  private refusalOf(url: string): string | null {
    const checked = this.egress.policy.check(url);
    return checked.accepted ? null : checked.reason;
  }

  /** Asks in one of the places that there are at the URL's origin, and has the answer dealt with in it. */
  private async answered(
    url: string,
    context: RunContext,
    ask: () => Promise<EgressResponse>,
    deal: (response: EgressResponse) => Promise<OperationOutcome>,
  ): Promise<OperationOutcome> {
    const { origin } = new URL(url);
    await this.places.take(origin, context);
    let isProven = false;
    try {
      const response = await ask();
      isProven = response.status >= 200 && response.status <= 299;
      return await deal(response);
    } catch (error) {
      if (context.signal.aborted || error instanceof OperationError) throw error;
      throw transportFault(error);
    } finally {
      // In an outage the end of the run's lease gives it back.
      await this.places.giveBack(origin, context, isProven).catch(() => undefined);
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
      timeoutMs: input.poll === undefined ? REQUEST_MS : TIMEOUT_S * 1000,
      signal: context.signal,
      maxResponseBytes: this.config.httpBytes,
    });
  }

  /** Waits for the job that an answer names, or ends with the answer. */
  private async follow(
    response: EgressResponse,
    { url, method, headers = {}, poll }: HttpRequestInput,
    context: RunContext,
  ): Promise<OperationOutcome> {
    const peeked = await peek(response.body, MAX_ANSWER_BYTES);
    const followed = this.jobs.follow(
      {
        ...{ poll: poll!, method, asked: url, headers: pollHeaders(Object.entries(headers)) },
        answer: new PollAnswer(response.status, response.headers, peeked.start, peeked.whole),
        refusal: (named) => this.refusalOf(named),
      },
      context,
    );
    if (followed instanceof Suspension) {
      peeked.stream.destroy();
      return followed;
    }
    const answer = { ...response, body: peeked.stream };
    if (followed.kind === 'result') return this.finish(answer, { url, method }, context);
    const { file } = await keepResponse(answer, nameOf(url), context);
    throw new OperationError(followed.code, followed.message, false, file.id);
  }

  private async finish(
    response: EgressResponse,
    { url, method }: Pick<HttpRequestInput, 'url' | 'method'>,
    context: OperationContext,
  ): Promise<OperationOutcome> {
    const { file, contentType, text } = await keepResponse(response, nameOf(url), context);
    const outcome = outcomeOf(response.status, contentType, file.id, text);
    return { ...outcome, statusText: `${method} answered ${response.status}` };
  }

  /** Goes on after a wait for a job. */
  private async goOn(context: RunContext): Promise<OperationOutcome> {
    const next = await this.jobs.goOn(context);
    if (next instanceof Suspension) return next;
    const { target } = next;
    const later = this.isStranger(target, target.url) ? await this.jobs.admit(context, target) : null;
    if (later !== null) return later;
    const ask = (): Promise<EgressResponse> =>
      this.egress.request({
        url: target.url,
        method: 'GET',
        headers: headersFor(target, target.url),
        timeoutMs: REQUEST_MS,
        signal: context.signal,
        maxResponseBytes: this.config.httpBytes,
      });
    try {
      return await this.answered(target.url, context, ask, (response) =>
        this.collected(response, target, context),
      );
    } catch (error) {
      // A fault of the transport that may pass says so.
      if (context.signal.aborted || !(error instanceof OperationError) || !error.retry) throw error;
      return this.jobs.later(context, target, error.message);
    }
  }

  /** Keeps the result of a job, where it is there. */
  private async collected(
    response: EgressResponse,
    target: PollTarget,
    context: RunContext,
  ): Promise<OperationOutcome> {
    const { status } = response;
    if (this.jobs.mayPass(context, status)) {
      response.body.destroy();
      return this.jobs.later(context, target, `its URL answers ${status}`);
    }
    const { file, contentType, text } = await keepResponse(response, nameOf(target.url), context);
    return this.outcome(target, { status, headers: response.headers, contentType, file: file.id, text });
  }
}

/** The caller's headers go to the origins that it trusts, and nowhere else. */
function headersFor(target: PollTarget, url: string): Record<string, string> {
  if (!isTrusted(target, url)) return {};
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < target.headers.length; at += 2)
    headers[target.headers[at]!] = target.headers[at + 1]!;
  return headers;
}

function outcomeOf(
  status: number,
  contentType: string,
  file: string,
  text: string | undefined,
): OperationOutcome {
  const body = inlineBody(text, contentType);
  return {
    file,
    result: { status, content_type: contentType, ...(body === undefined ? {} : { body }), file },
  };
}

function inlineBody(text: string | undefined, contentType: string): unknown {
  if (text === undefined || !/json/i.test(contentType)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
