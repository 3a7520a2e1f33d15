import { All, Controller, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';

/** What QStash's own API has besides, by the beginning of its path. */
const NOT_OFFERED: readonly (readonly [path: RegExp, what: string])[] = [
  [/^v\d\/(?:workflows?|notify|waiters)\b/, 'workflows'],
  [/^(?:v\d\/)?(?:llm|chat)\b/, 'language models'],
  [/^v1\//, 'version 1 of the API'],
];

/** Answers what is asked for and not there: last of the face's routes, it takes what the others leave. */
@ApiExcludeController()
@Controller('qstash')
@NeedsScope(null)
export class QstashNotOfferedController {
  @All('*')
  @TakesBody('raw')
  refuse(@Req() request: FastifyRequest): never {
    const path = request.url.split('?')[0]!.split('/qstash/').slice(1).join('/qstash/');
    const asked = `${request.method} /${path.slice(0, 200)}`;
    const found = NOT_OFFERED.find(([beginning]) => beginning.test(path));
    if (found)
      throw new Problem(
        501,
        'not-offered',
        `${asked} is not offered here: ${found[1]} are not, see docs/qstash.md`,
      );
    throw new Problem(404, 'not-found', `${asked} is no route here`);
  }
}
