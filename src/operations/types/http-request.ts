import { EgressConfig, OperationConfig } from '../../config/config.js';
import type { FieldError } from '../../config/validation.js';
import type { EgressRequest, EgressResponse } from '../../egress/egress.js';
import type { SmallAnswer } from '../../egress/small-request.js';
import { Suspension } from '../await/suspension.js';
import { checkPoll, MAX_UNTIL_S, planOf } from '../poll/poll-input.js';
import type { JobRequest, KeptAnswer, PollingHandler, PollTarget } from '../poll/polling-handler.js';
import type { OperationContext } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import { type OperationHandler, type OperationOutcome, OperationType } from '../run/operation-type.js';
import { HttpCalls, REQUEST_MS } from './http-calls.js';
import { HttpJobs } from './http-jobs.js';
import { outcomeOf } from './http-outcome.js';
import { concealRequest, headerFaults, HttpRequestInput } from './http-request-input.js';
import { BACKOFF_S, keepResponse, nameOf, triesOf } from './kept-response.js';

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
    private readonly http: HttpCalls,
    private readonly jobs: HttpJobs,
    private readonly config: EgressConfig,
    private readonly operations: OperationConfig,
  ) {
    this.disabled = config.httpHosts === null ? DISABLED : null;
  }

  calls({ url }: HttpRequestInput): string {
    return url;
  }

  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    return concealRequest(input as HttpRequestInput, bodies);
  }

  async check({ url, headers = {}, body, poll }: HttpRequestInput): Promise<FieldError[]> {
    const refusal = this.http.refusalOf(url);
    const errors = refusal === null ? [] : [{ path: 'input.url', message: refusal }];
    errors.push(...headerFaults(headers));
    if (body !== undefined && typeof body !== 'string' && (typeof body !== 'object' || body === null)) {
      errors.push({ path: 'input.body', message: 'must be a string or an object' });
    }
    if (poll !== undefined) errors.push(...(await checkPoll(poll, 'input.poll', this.operations.pollMinS)));
    return errors;
  }

  async run(input: HttpRequestInput, context: RunContext): Promise<OperationOutcome> {
    if (context.checkpoint !== null) return this.jobs.goOn(context);
    context.progress(0, `${input.method} ${new URL(input.url).origin}`);
    return this.http.make(
      input.url,
      context,
      () => this.request(input, context),
      async (response) => {
        if (input.poll !== undefined) return this.follow(response, input, context);
        context.progress(50, `${response.status} ${response.statusText}`.trim());
        return this.finish(response, input, context);
      },
    );
  }

  ask(target: PollTarget, request: JobRequest): Promise<SmallAnswer> {
    return this.jobs.ask(target, request);
  }

  isStranger(target: PollTarget, url: string): boolean {
    return this.jobs.isStranger(target, url);
  }

  outcome(target: PollTarget, answer: KeptAnswer): OperationOutcome {
    return this.jobs.outcome(target, answer);
  }

  private request(
    input: HttpRequestInput,
    context: OperationContext,
  ): EgressRequest & { maxResponseBytes: number } {
    const json = typeof input.body === 'object';
    const named = Object.keys(input.headers ?? {}).some((name) => name.toLowerCase() === 'content-type');
    const traced = Object.keys(input.headers ?? {}).some((name) => name.toLowerCase() === 'traceparent');
    return {
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
    };
  }

  private async follow(
    response: EgressResponse,
    input: HttpRequestInput,
    context: RunContext,
  ): Promise<OperationOutcome> {
    const answer = await this.jobs.follow(response, input, context);
    return answer instanceof Suspension ? answer : this.finish(answer, input, context);
  }

  private async finish(
    response: EgressResponse,
    { url, method }: HttpRequestInput,
    context: OperationContext,
  ): Promise<OperationOutcome> {
    const { file, contentType, text } = await keepResponse(response, nameOf(url), context);
    const outcome = outcomeOf(response.status, contentType, file.id, text);
    return { ...outcome, statusText: `${method} answered ${response.status}` };
  }
}
