import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { rawBytes } from '../../http/body-parsers.js';
import type { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { toProblem } from '../problem.filter.js';
import { Publishes, rawAfter } from './caller.js';
import { jsonOf, nameOf } from './json-body.js';
import { fieldsOf, fieldsOfItem, refused } from './publication.js';
import { type Given, type PublishedBy, Publisher, type PublishResponse } from './publisher.js';

const MAX_BATCH = 500;

/** What a message that is refused is answered within a batch. */
interface RefusedResponse {
  readonly error: string;
}

/** What became of an item of a batch. */
interface Published {
  readonly answer: PublishResponse | PublishResponse[] | RefusedResponse;
  /** Why it is refused; null where it isn't. */
  readonly problem: Problem | null;
}

/** Takes messages: one, or a batch. */
@ApiExcludeController()
@Controller('qstash/v2')
@NeedsScope('operations:write')
export class QstashPublishController {
  constructor(private readonly publisher: Publisher) {}

  @Post('publish/*')
  @TakesBody('raw')
  async publish(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PublishResponse | PublishResponse[]> {
    return this.take(by, request, reply, { destination: rawAfter(request, '/v2/publish/'), queue: null });
  }

  /** The same through a queue, which is made where there is none of that name. */
  @Post('enqueue/*')
  @TakesBody('raw')
  async enqueue(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PublishResponse | PublishResponse[]> {
    const [name = '', ...rest] = rawAfter(request, '/v2/enqueue/').split('/');
    const queue = nameOf(name, 'The name of a queue');
    return this.take(by, request, reply, { destination: rest.join('/'), queue });
  }

  /** One that is refused doesn't stop the others. */
  @Post('batch')
  @HttpCode(200)
  @TakesBody('raw')
  async batch(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
  ): Promise<(PublishResponse | PublishResponse[] | RefusedResponse)[]> {
    const ofQueues = new Map<unknown, Promise<Published>>();
    // Together, so that they share their statements and commits; but those of a queue in their order.
    const published = await Promise.all(
      itemsOf(request).map((item, index) => {
        const queue = (item as { queue?: unknown } | null)?.queue;
        const publish = (): Promise<Published> => this.publishOne(by, item, index);
        if (!queue) return publish();
        const inTurn = (ofQueues.get(queue) ?? Promise.resolve()).then(publish);
        ofQueues.set(queue, inTurn);
        return inTurn;
      }),
    );
    const outage = published.find(({ problem }) => problem !== null && problem.status === 503)?.problem;
    // Else who looks at the status alone would take it for accepted.
    if (outage && published.every(({ problem }) => problem !== null)) throw outage;
    return published.map(({ answer }) => answer);
  }

  private async publishOne(by: PublishedBy, item: unknown, index: number): Promise<Published> {
    try {
      return { answer: await this.publisher.publish(by, givenOf(item, `[${index}]`)), problem: null };
    } catch (error) {
      const problem = toProblem(error);
      // A fault of ours, which the log is to have.
      if (problem.status === 500) throw error;
      return { answer: { error: problem.detail }, problem };
    }
  }

  private async take(
    by: PublishedBy,
    request: FastifyRequest,
    reply: FastifyReply,
    to: Pick<Given, 'destination' | 'queue'>,
  ): Promise<PublishResponse | PublishResponse[]> {
    const given = { ...to, fields: fieldsOf(request.raw.rawHeaders), body: rawBytes(request) };
    const answer = await this.publisher.publish(by, given);
    // A message that was there already is accepted, and nothing more.
    void reply.status([answer].flat().some(({ deduplicated }) => deduplicated) ? 202 : 200);
    return answer;
  }
}

function itemsOf(request: FastifyRequest): unknown[] {
  const items = jsonOf(request);
  if (!Array.isArray(items)) throw refused('body', 'must be an array of messages');
  if (items.length > MAX_BATCH)
    throw refused('body', `has ${items.length} messages: at most ${MAX_BATCH} go in a batch`);
  return items as unknown[];
}

function givenOf(item: unknown, path: string): Given {
  if (typeof item !== 'object' || item === null) throw refused(path, 'must be an object');
  const { destination, headers, body, queue } = item as Record<string, unknown>;
  if (typeof destination !== 'string' || destination === '')
    throw refused(`${path}.destination`, 'must be a URL or the name of a URL group');
  if (!isText(body)) throw refused(`${path}.body`, 'must be a string');
  return {
    ...{ destination, fields: fieldsOfItem(headers), body: Buffer.from(body ?? '') },
    queue: queue === undefined || queue === null || queue === '' ? null : nameOf(queue, `${path}.queue`),
  };
}

function isText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string';
}
