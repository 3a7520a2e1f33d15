import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { rawBytes, rawText } from '../../http/body-parsers.js';
import { checkText } from '../../http/json-shape.js';
import type { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { toProblem } from '../problem.filter.js';
import { Publishes, rawAfter } from './caller.js';
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
    const destination = rawAfter(request, '/v2/publish/');
    const answer = await this.publisher.publish(by, { ...this.given(request), destination, queue: null });
    // A message that was there already is accepted, and nothing more.
    void reply.status([answer].flat().some(({ deduplicated }) => deduplicated) ? 202 : 200);
    return answer;
  }

  /** One that is refused doesn't stop the others. */
  @Post('batch')
  @HttpCode(200)
  @TakesBody('raw')
  async batch(
    @Publishes() by: PublishedBy,
    @Req() request: FastifyRequest,
  ): Promise<(PublishResponse | PublishResponse[] | RefusedResponse)[]> {
    // Together, so that they share their statements and commits.
    const published = await Promise.all(
      itemsOf(request).map((item, index) => this.publishOne(by, item, index)),
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

  private given(request: FastifyRequest): Pick<Given, 'fields' | 'body'> {
    return { fields: fieldsOf(request.raw.rawHeaders), body: rawBytes(request) };
  }
}

function itemsOf(request: FastifyRequest): unknown[] {
  let items: unknown;
  try {
    items = JSON.parse(rawText(request));
  } catch (error) {
    if (error instanceof SyntaxError) throw refused('body', `is not JSON: ${error.message}`);
    throw error;
  }
  if (!Array.isArray(items)) throw refused('body', 'must be an array of messages');
  if (items.length > MAX_BATCH)
    throw refused('body', `has ${items.length} messages: at most ${MAX_BATCH} go in a batch`);
  checkText(items);
  return items as unknown[];
}

function givenOf(item: unknown, path: string): Given {
  if (typeof item !== 'object' || item === null) throw refused(path, 'must be an object');
  const { destination, headers, body, queue } = item as Record<string, unknown>;
  if (typeof destination !== 'string' || destination === '')
    throw refused(`${path}.destination`, 'must be a URL or the name of a URL group');
  if (!isText(body)) throw refused(`${path}.body`, 'must be a string');
  if (!isText(queue)) throw refused(`${path}.queue`, 'must be the name of a queue');
  return { destination, fields: fieldsOfItem(headers), body: Buffer.from(body ?? ''), queue: queue || null };
}

function isText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string';
}
