import { Body, Controller, Delete, Headers, HttpCode, Ip, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AuthTokens } from '../../accounts/auth-tokens.js';
import { LoginAttempts } from '../../accounts/login-attempts.js';
import { TrmConfig } from '../../config/config.js';
import { addressOf } from '../../http/client-address.js';
import { Problem } from '../../http/problem.js';
import { ApiExamples } from '../../http/api-answers.js';
import { TakesBody } from '../../http/takes-body.js';
import { TrmAuthRequest } from './trm.request.js';
import { TrmRequests } from './trm-requests.service.js';

@ApiTags('trm')
@Controller('api/auth/token')
export class TrmAuthController {
  constructor(
    private readonly tokens: AuthTokens,
    private readonly logins: LoginAttempts,
    private readonly requests: TrmRequests,
    private readonly config: TrmConfig,
  ) {}

  /** A token for an account and one of its API keys, as a JSON string; it ends after 30 minutes without use. */
  @Post()
  @ApiOperation({ operationId: 'createTrmToken' })
  @HttpCode(200)
  @TakesBody('login')
  @ApiExamples(TrmAuthRequest, {
    'An account, and an API key of it': { accountid: 'default', key: 'rb_YOUR_KEY' },
  })
  @ApiOkResponse({ schema: { type: 'string' } })
  async issue(@Body() body: unknown, @Ip() ip: string, @Res() reply: FastifyReply): Promise<void> {
    const { accountid, key } = await this.requests.read(TrmAuthRequest, body);
    const issued = await this.tokens.issue(accountid, key, this.config.tokenIdleS);
    if (issued === null)
      throw this.logins.failed(
        ip,
        new Problem(401, 'unauthorized', 'this account and this key do not belong together'),
      );
    const { accountId, keyId, keyName } = issued.holder;
    this.logins.succeeded(accountId, { keyId, name: keyName, address: addressOf(ip) });
    // As bytes of JSON: a bare string would be sent as text.
    await reply.type('application/json; charset=utf-8').send(JSON.stringify(issued.token));
  }

  /** Ends the token in `X-Auth-Token`. */
  @Delete()
  @ApiOperation({ operationId: 'deleteTrmToken' })
  @HttpCode(200)
  @ApiSecurity({ trm_token: [] })
  @ApiOkResponse({ schema: { type: 'object' } })
  async end(@Headers('x-auth-token') token: string | undefined): Promise<object> {
    if (token === undefined || (await this.tokens.holderOf(token, this.config.tokenIdleS)) === null)
      throw new Problem(401, 'unauthorized', 'X-Auth-Token is missing or has ended already');
    await this.tokens.end(token);
    return {};
  }
}
