import { Injectable } from '@nestjs/common';
import { EgressConfig } from '../../config/config.js';
import type { EgressResponse } from '../../egress/egress.js';
import { HttpRequestEgress } from '../../egress/egress.module.js';
import type { SmallAnswer } from '../../egress/small-request.js';
import { Suspension } from '../await/suspension.js';
import { Jobs } from '../poll/jobs.js';
import { peek } from '../poll/peek.js';
import { PollAnswer } from '../poll/poll-answer.js';
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
import { OperationError } from '../run/operation-context.js';
import type { RunContext } from '../run/operation-run.js';
import type { OperationOutcome } from '../run/operation-type.js';
import { HttpCalls, REQUEST_MS } from './http-calls.js';
import { outcomeOf } from './http-outcome.js';
import type { HttpRequestInput } from './http-request-input.js';
import { keepResponse, nameOf } from './kept-response.js';

/** Jobs that requests of `http.request` have begun at other APIs: waits for their end, and fetches what they have made. */
@Injectable()
export class HttpJobs implements PollingHandler {
  constructor(
    private readonly egress: HttpRequestEgress,
    private readonly calls: HttpCalls,
    private readonly jobs: Jobs,
    private readonly config: EgressConfig,
  ) {}

  /** Waits for the job that an answer names; or else gives the answer back, which is the result. */
  async follow(
    response: EgressResponse,
    { url, method, headers = {}, poll }: HttpRequestInput,
    context: RunContext,
  ): Promise<Suspension | EgressResponse> {
    const peeked = await peek(response.body, MAX_ANSWER_BYTES);
    const followed = this.jobs.follow(
      {
        ...{ poll: poll!, method, asked: url, headers: pollHeaders(Object.entries(headers)) },
        answer: new PollAnswer(response.status, response.headers, peeked.start, peeked.whole),
        refusal: (named) => this.calls.refusalOf(named),
      },
      context,
    );
    if (followed instanceof Suspension) {
      peeked.stream.destroy();
      return followed;
    }
    const answer = { ...response, body: peeked.stream };
    if (followed.kind === 'result') return answer;
    const { file } = await keepResponse(answer, nameOf(url), context);
    throw new OperationError(followed.code, followed.message, false, file.id);
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

  /** Goes on after a wait for a job: with its result, where it has ended. */
  async goOn(context: RunContext): Promise<OperationOutcome> {
    const next = await this.jobs.goOn(context);
    if (next instanceof Suspension) return next;
    const { target } = next;
    const later = this.isStranger(target, target.url) ? await this.jobs.admit(context, target) : null;
    if (later !== null) return later;
    const request = () => ({
      url: target.url,
      method: 'GET',
      headers: headersFor(target, target.url),
      timeoutMs: REQUEST_MS,
      signal: context.signal,
      maxResponseBytes: this.config.httpBytes,
    });
    try {
      return await this.calls.make(target.url, context, request, (response) =>
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
