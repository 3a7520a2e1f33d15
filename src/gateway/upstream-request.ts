import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { GatewayConfig } from '../config/config.js';
import { explainEgressError } from '../egress/egress.js';
import type { SmallAnswer } from '../egress/small-request.js';
import { Suspension } from '../operations/await/suspension.js';
import type {
  JobRequest,
  KeptAnswer,
  PollingHandler,
  PollTarget,
} from '../operations/poll/polling-handler.js';
import { type OperationContext, OperationError } from '../operations/run/operation-context.js';
import type { RunContext } from '../operations/run/operation-run.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../operations/run/operation-type.js';
import {
  BACKOFF_S,
  isIdempotent,
  keepResponse,
  nameOf,
  transportFault,
  triesOf,
} from '../operations/types/kept-response.js';
import type { BatchItem } from './batch-items.js';
import { isEndToEnd, pairs, withoutConnection } from './upstream-headers.js';
import { type OpenedRequest, type UpstreamInput, UpstreamInputs } from './upstream-input.js';
import { BackgroundUpstream, UpstreamJobs } from './upstream-jobs.js';
import { upstreamOutcome, type UpstreamResult } from './upstream-outcome.js';

/** The internal operation type behind the gateway. */
export const UPSTREAM_REQUEST = 'bgrs.request';
/** Requests of one batch that are under way at once. */
const AT_ONCE = 8;
/** The largest body of one answer in a batch, and of all together, bytes. */
const MAX_ITEM = 8 * 1024 * 1024;
const MAX_BATCH = 64 * 1024 * 1024;
/** Makes a request that the gateway took, or a batch of them, to the provider's API, and keeps the response. */
@OperationType<UpstreamInput>({
  name: UPSTREAM_REQUEST,
  title: 'Make a request of the gateway to the upstream',
  internal: true,
  tries: (input) => input.tries,
  backoffS: BACKOFF_S,
  // No limit of a CDN applies here; a day is for an upstream that hangs.
  timeoutS: 86_400,
})
export class UpstreamRequestHandler implements OperationHandler<UpstreamInput>, PollingHandler {
  constructor(
    private readonly inputs: UpstreamInputs,
    private readonly upstream: BackgroundUpstream,
    private readonly jobs: UpstreamJobs,
    private readonly gateway: GatewayConfig,
  ) {}

  ask(target: PollTarget, request: JobRequest): Promise<SmallAnswer> {
    return this.jobs.ask(target, request);
  }

  /** Whatever URL is named, the upstream is asked. */
  isStranger(): boolean {
    return false;
  }

  outcome({ method, url }: PollTarget, answer: KeptAnswer): OperationOutcome {
    return upstreamOutcome({ method, target: url }, answer);
  }

  async run(input: UpstreamInput, context: RunContext): Promise<OperationOutcome> {
    if (context.checkpoint !== null) return this.jobs.goOn(context);
    const asked = this.inputs.open(context.accountId, input);
    if (input.batch) return this.runBatch(input, asked, context);
    context.log(`${asked.method} to the upstream`);
    // What the upstream tells comes by another way, and must not stand before this.
    await context.recorded();
    try {
      const body = await this.bodyOf(input, asked, context);
      const response = await this.upstream.send({
        method: asked.method,
        target: asked.target,
        headers: [...inTrace(asked, context), ...framing(input, asked), ...this.reporting(asked, context)],
        body,
        trailers: pairs(asked.trailers ?? []),
        kept: isIdempotent(asked.method),
        signal: context.signal,
      });
      const status = response.statusCode!;
      context.log(`The upstream answers ${status}`);
      void context.recorded();
      const answer = await this.jobs.follow(asked, response, context);
      if (answer instanceof Suspension) return answer;
      const { headers } = response;
      const { file, contentType } = await keepResponse(
        { headers, body: answer },
        nameOf(asked.target),
        context,
      );
      return upstreamOutcome(asked, { status, headers, contentType, file: file.id });
    } catch (error) {
      if (context.signal.aborted || error instanceof OperationError) throw error;
      throw transportFault(error);
    }
  }

  private async runBatch(
    input: UpstreamInput,
    asked: OpenedRequest,
    context: RunContext,
  ): Promise<OperationOutcome> {
    const items = JSON.parse(
      (await buffer((await this.bodyOf(input, asked, context))!)).toString(),
    ) as BatchItem[];
    const limit = pLimit(AT_ONCE);
    let ended = 0;
    let room = MAX_BATCH;
    const answers = await Promise.all(
      items.map((item) =>
        limit(async () => {
          let answer = await this.answerTo(item, asked, context);
          room -= answer.body.length;
          if (room < 0)
            answer = { status: 502, body: 'the answers of the batch are too large: split the batch' };
          ended += 1;
          context.tell(
            (100 * ended) / items.length,
            `${ended} of ${items.length}: ${item.method} ${item.path.split('?')[0]} ${answer.status}`,
          );
          void context.recorded();
          return answer;
        }),
      ),
    );
    const file = await context.saveFile(Readable.from([Buffer.from(JSON.stringify(answers))]), {
      name: 'batch.json',
      contentType: 'application/json',
    });
    const result: UpstreamResult = { status: 200, content_type: 'application/json', headers: {} };
    return { file: file.id, result, statusText: `${items.length} requests answered` };
  }

  /** The answer to one request of a batch; a transport that fails is a 502 that says why, and stops no other. */
  private async answerTo(
    item: BatchItem,
    asked: OpenedRequest,
    context: OperationContext,
  ): Promise<{ status: number; body: string }> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.upstream.send({
          method: item.method,
          target: item.path,
          kept: isIdempotent(item.method),
          signal: context.signal,
          ...this.framed(item, asked, context),
        });
        const chunks: Buffer[] = [];
        let size = 0;
        for await (const chunk of response as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > MAX_ITEM) return { status: 502, body: 'the answer is larger than 8 MiB' };
          chunks.push(chunk);
        }
        return { status: response.statusCode!, body: Buffer.concat(chunks).toString() };
      } catch (error) {
        if (context.signal.aborted) throw error;
        if (attempt >= triesOf(item.method)) return { status: 502, body: explainEgressError(error) };
        await delay(BACKOFF_S[attempt - 1]! * 1000, undefined, { signal: context.signal });
      }
    }
  }

  /** Headers and body of an item: the caller's own headers, over which the item's go. */
  private framed(
    item: BatchItem,
    asked: OpenedRequest,
    context: OperationContext,
  ): { headers: string[]; body: Buffer | null } {
    const given = Object.entries(item.headers ?? {}).flat();
    const own = pairs(withoutConnection(given, (name) => isEndToEnd(name) && name.toLowerCase() !== 'host'));
    const replaced = new Set(own.map(([name]) => name.toLowerCase()));
    const json = item.body !== undefined && typeof item.body !== 'string';
    const body =
      item.body === undefined
        ? null
        : Buffer.from(typeof item.body === 'string' ? item.body : JSON.stringify(item.body));
    const inherited = pairs(inTrace(asked, context)).filter(
      ([name]) => !replaced.has(name.toLowerCase()) && !/^(?:content-.*|accept-encoding)$/i.test(name),
    );
    return {
      body,
      headers: [
        ...inherited.flat(),
        ...own.flat(),
        ...(json && !replaced.has('content-type') ? ['Content-Type', 'application/json'] : []),
        ...(body === null ? [] : ['Content-Length', String(body.length)]),
        ...this.reporting(asked, context),
      ],
    };
  }

  private async bodyOf(
    { body }: UpstreamInput,
    asked: OpenedRequest,
    context: OperationContext,
  ): Promise<Readable | null> {
    if (body === null) return null;
    const { stream } = await context.openFile(body.file);
    return this.inputs.openBody(asked, stream);
  }

  /** By what the upstream may report progress. */
  private reporting(asked: OpenedRequest, context: OperationContext): string[] {
    const url = `${this.gateway.publicUrl}/bgrs/${context.id}/progress?token=${asked.progressToken}`;
    return ['X-Ringback-Operation', context.id, 'X-Ringback-Progress-Url', url];
  }
}

/** The caller's headers, with this run as what the request comes from. */
function inTrace({ headers }: OpenedRequest, { traceparent }: OperationContext): readonly string[] {
  if (traceparent === null) return headers;
  const others = pairs(headers).filter(([name]) => name.toLowerCase() !== 'traceparent');
  return [...others.flat(), 'traceparent', traceparent];
}

/** How the body's end is told: only a chunked one can have trailers after it. */
function framing({ body }: UpstreamInput, { trailers = [] }: OpenedRequest): string[] {
  if (body === null) return [];
  if (trailers.length === 0) return ['Content-Length', String(body.size)];
  const names = [...new Set(pairs(trailers).map(([name]) => name))];
  return ['Transfer-Encoding', 'chunked', 'Trailer', names.join(', ')];
}
