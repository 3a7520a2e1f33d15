import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { type MessageKeys, MessageKeyStore } from '../../messages/message-keys.store.js';

/** The keys that sign messages. */
@ApiExcludeController()
@Controller('qstash/v2/keys')
@NeedsScope('endpoints:write')
export class QstashKeysController {
  constructor(
    private readonly keys: MessageKeyStore,
    private readonly audit: Audit,
  ) {}

  @Get()
  async read(@AccountId() accountId: string, @By() actor: Actor): Promise<MessageKeys> {
    const keys = await this.keys.of(accountId);
    await this.audit.write({ accountId, actor, action: 'secret.read', target: accountId });
    return keys;
  }

  /** The next key becomes the current one, and there is a new next one. */
  @Post('rotate')
  @HttpCode(200)
  async rotate(@AccountId() accountId: string, @By() actor: Actor): Promise<MessageKeys> {
    const keys = await this.keys.rotate(accountId);
    await this.audit.write({ accountId, actor, action: 'secret.rotated', target: accountId });
    return keys;
  }
}
