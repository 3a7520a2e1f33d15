import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { ApiExamples } from '../../http/api-answers.js';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { UrlPolicy } from '../../egress/url-policy.js';
import { CallbackCheckRequest } from './callback-check.request.js';
import { CallbackCheckResponse } from './callback-check.response.js';

@ApiTags('deliveries')
@Controller('v1/callback-check')
@NeedsScope('operations:write')
export class CallbackCheckController {
  constructor(private readonly policy: UrlPolicy) {}

  /** Whether a callback URL would be accepted; nothing is sent. */
  @Post()
  @ApiOperation({ operationId: 'checkCallback' })
  @HttpCode(200)
  @ApiExamples(CallbackCheckRequest, { 'A URL': { url: 'https://example.com/hooks/ringback' } })
  check(@Body() request: CallbackCheckRequest): CallbackCheckResponse {
    const checked = this.policy.check(request.url);
    return checked.accepted
      ? { accepted: true, code: null, reason: null }
      : { accepted: false, code: checked.code, reason: checked.reason };
  }
}
