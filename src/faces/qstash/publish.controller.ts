import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { rawBytes } from '../../http/body-parsers.js';
import { TakesBody } from '../../http/takes-body.js';
import { Publishes, rawAfter } from './caller.js';
import { fieldsOf, fieldsOfItem } from './fields.js';
import { jsonOf, nameOf } from './json-body.js';
import { type Given, type Published, type PublishedBy, Publisher } from './publisher.js';
import { refused } from './refusal.js';
import { answersTo, type Outcome, outcomeOf, type RefusedResponse } from './together.js';

const MAX_BATCH = 500;

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
  ): Promise<Published> {
    return this.take(by, request, reply, { destination: rawAfter(request, '/v2/publish/'), queue: null });
  }

  /** The same through a queue, which is made where there is none of that name. */
  @Post('enqueue/*')
  @TakesBody('raw')
  async enqueue(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Published> {
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
  ): Promise<(Published | RefusedResponse)[]> {
    const ofQueues = new Map<unknown, Promise<Outcome<Published>>>();
    // Together, so that they share their statements and commits; but those of a queue in their order.
    const outcomes = await Promise.all(
      itemsOf(request).map((item, index) => {
        const queue = (item as { queue?: unknown } | null)?.queue;
        const publish = (): Promise<Outcome<Published>> => outcomeOf(this.publishOne(by, item, index));
        if (!queue) return publish();
        const inTurn = (ofQueues.get(queue) ?? Promise.resolve()).then(publish);
        ofQueues.set(queue, inTurn);
        return inTurn;
      }),
    );
    return answersTo(outcomes);
  }

  private async publishOne(by: PublishedBy, item: unknown, index: number): Promise<Published> {
    return this.publisher.publish(by, givenOf(item, `[${index}]`));
  }

  private async take(
    by: PublishedBy,
    request: FastifyRequest,
    reply: FastifyReply,
    to: Pick<Given, 'destination' | 'queue'>,
  ): Promise<Published> {
    const given = { ...to, fields: fieldsOf(request.raw.rawHeaders), body: rawBytes(request) };
    const answer = await this.publisher.publish(by, given);
    // A message that was there already is accepted, and nothing more.
    void reply.status([answer].flat().some((one) => 'deduplicated' in one) ? 202 : 200);
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
