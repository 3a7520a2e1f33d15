import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { GatewayConfig } from '../config/config.js';
import { readSmall, type SmallAnswer } from '../egress/small-request.js';
import { Suspension } from '../operations/await/suspension.js';
import { Jobs } from '../operations/poll/jobs.js';
import { peek } from '../operations/poll/peek.js';
import { PollAnswer } from '../operations/poll/poll-answer.js';
import {
  type JobRequest,
  MAX_ANSWER_BYTES,
  pollHeaders,
  type PollTarget,
} from '../operations/poll/polling-handler.js';
import type { RunContext } from '../operations/run/operation-run.js';
import { OperationError } from '../operations/run/operation-context.js';
import type { OperationOutcome } from '../operations/run/operation-type.js';
import { keepResponse, nameOf, transportFault } from '../operations/types/kept-response.js';
import { UpstreamClient } from './upstream-client.js';
import { pairs } from './upstream-headers.js';
import type { OpenedRequest } from './upstream-input.js';
import { upstreamOutcome } from './upstream-outcome.js';

/** The upstream for background requests, and what was started on connections of its own. */
@Injectable()
export class BackgroundUpstream extends UpstreamClient {
  constructor({ upstream }: GatewayConfig) {
    super(upstream!);
  }

  onApplicationShutdown(): void {
    this.close();
  }
}

/** Jobs that the upstream runs by itself, as RINGBACK_GATEWAY_POLL says. */
@Injectable()
export class UpstreamJobs {
  constructor(
    private readonly jobs: Jobs,
    private readonly upstream: BackgroundUpstream,
    private readonly gateway: GatewayConfig,
  ) {}

  /** Waits for the job that an answer names; or else gives its body back, which is the result. */
  async follow(
    asked: OpenedRequest,
    response: IncomingMessage,
    context: RunContext,
  ): Promise<Suspension | Readable> {
    const { poll, upstream } = this.gateway;
    if (poll === undefined) return response;
    const { start, whole, stream } = await peek(response, MAX_ANSWER_BYTES);
    const given = pairs(asked.headers);
    const host = given.find(([name]) => name.toLowerCase() === 'host')?.[1];
    const followed = this.jobs.follow(
      {
        ...{ poll, method: asked.method, asked: upstream! + asked.target, headers: pollHeaders(given) },
        answer: new PollAnswer(response.statusCode!, response.headers, start, whole),
        // Others than the upstream, under its own name or that which its callers have for it, are none of the gateway's.
        refusal: (url) =>
          [new URL(upstream!).host, host].includes(new URL(url).host) ? null : 'it is not the upstream',
        runningOnly: true,
      },
      context,
    );
    if (!(followed instanceof Suspension)) return stream;
    stream.destroy();
    context.log('The upstream runs a job of its own, which is polled');
    return followed;
  }

  async ask(target: PollTarget, { method, url, timeoutMs }: JobRequest): Promise<SmallAnswer> {
    const signal = AbortSignal.timeout(timeoutMs);
    return readSmall(await this.send(target, method, url, signal), MAX_ANSWER_BYTES);
  }

  /** Goes on after a wait for a job: with its result, where it has ended. */
  async goOn(context: RunContext): Promise<OperationOutcome> {
    const next = await this.jobs.goOn(context);
    if (next instanceof Suspension) return next;
    const { target } = next;
    try {
      const response = await this.send(target, 'GET', target.url, context.signal);
      const status = response.statusCode!;
      if (this.jobs.mayPass(context, status)) {
        response.destroy();
        return this.jobs.later(context, target, `the upstream answers ${status}`);
      }
      const answer = { headers: response.headers, body: response };
      const { file, contentType } = await keepResponse(answer, nameOf(target.url), context);
      return upstreamOutcome(
        { method: target.method, target: target.url },
        { status, headers: response.headers, contentType, file: file.id },
      );
    } catch (error) {
      if (context.signal.aborted) throw error;
      const fault = error instanceof OperationError ? error : transportFault(error);
      if (!fault.retry) throw fault;
      return this.jobs.later(context, target, fault.message);
    }
  }

  /** Whatever URL was named, its path is asked for at the upstream. */
  private send(
    { headers }: PollTarget,
    method: string,
    url: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return this.upstream.send({
      method,
      target: pathOf(url),
      headers,
      body: null,
      kept: method === 'GET',
      signal,
    });
  }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
