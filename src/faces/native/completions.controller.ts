import { createHash } from 'node:crypto';
import { Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiExamples, ApiProblem } from '../../http/api-answers.js';
import { rawBytes, rawContentType, rawText } from '../../http/body-parsers.js';
import { AddToRoute } from '../../http/route-config.js';
import { TakesBody } from '../../http/takes-body.js';
import { Completions } from '../../operations/await/completions.service.js';
import { CompletionQuery, CompletionRequest, readCompletion, readResult } from './completion.request.js';
import { CompletionResponse } from './completion.response.js';
import { CompletionTokenGuard } from './completion-token.guard.js';

@ApiTags('operations')
@Controller('v1/completions')
export class CompletionsController {
  constructor(private readonly completions: Completions) {}

  /**
   * Ends an operation, or tells its progress, for whoever has its token: no API key is needed. It is ended once; the same request
   * again is answered the same.
   */
  @Post(':token')
  @TakesBody('raw')
  @AddToRoute({ admission: { guard: CompletionTokenGuard, scope: null } })
  @HttpCode(200)
  @ApiOperation({ operationId: 'completeOperation' })
  @ApiParam({ name: 'token', description: 'As the completion URL has it' })
  @ApiExamples(CompletionRequest, {
    'It is done': { status: 'finished', result: { pages: 12 } },
    'It failed': { status: 'failed', error: { code: 'rejected', message: 'The reviewer said no' } },
    'How far it is': { status: 'running', progress: 40, text: 'Page 5 of 12' },
  })
  @ApiProblem(401, 'The token takes signed webhooks only, and this is none')
  @ApiProblem(404, 'There is no such token')
  @ApiProblem(409, 'The operation was completed by another request, or has ended otherwise')
  @ApiProblem(410, 'The token has expired')
  @ApiProblem(429, 'Too many requests with the token, or too many wrong ones from the address')
  @ApiProblem(503, 'PostgreSQL cannot be reached')
  async complete(
    @Query() query: CompletionQuery,
    @Req() request: FastifyRequest,
  ): Promise<CompletionResponse> {
    const token = CompletionTokenGuard.tokenOf(request);
    const body = rawBytes(request);
    this.completions.verify(token, { headers: request.headers, body });
    const text = rawText(request);
    const said =
      query.as === 'result' ? readResult(text, rawContentType(request)) : await readCompletion(text);
    if (said.status === 'running') await this.completions.tell(token, said.progress, said.text);
    else await this.completions.end(token, digestOf(query, body), said);
    return { status: said.status };
  }
}

/** Of the request, by which it is known when it is repeated. */
function digestOf({ as }: CompletionQuery, body: Buffer): string {
  return createHash('sha256')
    .update(`${as ?? 'completion'}\n`)
    .update(body)
    .digest('hex');
}
