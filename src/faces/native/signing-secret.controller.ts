import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiExamples } from '../../http/api-answers.js';
import { SigningSecrets } from '../../signing/signing-secrets.store.js';
import { RotateSecretRequest } from './account.request.js';
import { SigningSecretResponse } from './account.response.js';

const DAY_S = 86_400;

@ApiTags('deliveries')
@Controller('v1/signing-secret')
@NeedsScope('endpoints:write')
export class SigningSecretController {
  constructor(
    private readonly secrets: SigningSecrets,
    private readonly audit: Audit,
  ) {}

  /** The secret that signs the callbacks of this account's operations. */
  @Get()
  @ApiOperation({ operationId: 'getSigningSecret' })
  async read(@AccountId() accountId: string, @By() actor: Actor): Promise<SigningSecretResponse> {
    const { secrets } = await this.secrets.of(accountId);
    await this.audit.write({ accountId, actor, action: 'secret.read', target: accountId });
    return { secret: secrets[0]! };
  }

  /** A new secret signs from now on; the old one co-signs for `overlap_s`. */
  @Post('rotate')
  @ApiOperation({ operationId: 'rotateSigningSecret' })
  @HttpCode(200)
  @ApiExamples(RotateSecretRequest, { 'Within a day': { overlap_s: 86_400 } })
  async rotate(
    @AccountId() accountId: string,
    @Body() request: RotateSecretRequest,
    @By() actor: Actor,
  ): Promise<SigningSecretResponse> {
    const overlap = request.overlap_s ?? DAY_S;
    const secret = await this.secrets.rotate(accountId, null, overlap);
    const details = { overlap_s: overlap };
    await this.audit.write({ accountId, actor, action: 'secret.rotated', target: accountId, details });
    return { secret };
  }
}
