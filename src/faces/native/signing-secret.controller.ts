import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiExamples, ApiProblem } from '../../http/api-answers.js';
import { SigningSecrets } from '../../signing/signing-secrets.store.js';
import { RotateSecretRequest } from './account.request.js';
import { KnownSecretsResponse, SigningSecretResponse } from './account.response.js';
import { checkEnded } from './end-secret.js';

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

  /** The secrets that sign now, with their ends and without their text. */
  @Get('list')
  @ApiOperation({ operationId: 'listSigningSecrets' })
  async list(@AccountId() accountId: string): Promise<KnownSecretsResponse> {
    return KnownSecretsResponse.from(await this.secrets.list(accountId, null));
  }

  /** Ends an old secret at once: it co-signs nothing from now on, in all processes within 5 s. */
  @Delete(':secret_id')
  @ApiOperation({ operationId: 'endSigningSecret' })
  @HttpCode(204)
  @ApiProblem(409, 'It is the current one: rotate first')
  async end(
    @AccountId() accountId: string,
    @Param('secret_id') secretId: string,
    @By() actor: Actor,
  ): Promise<void> {
    checkEnded(await this.secrets.end(accountId, null, secretId), secretId);
    await this.audit.write({ accountId, actor, action: 'secret.ended', target: accountId });
  }

  /** A new secret signs from now on; all older ones co-sign for `overlap_s` at the most. */
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
