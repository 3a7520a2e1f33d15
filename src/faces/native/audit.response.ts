import { ApiProperty } from '@nestjs/swagger';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { AuditEntity } from '../../accounts/audit.entity.js';
import { ApiTime } from '../../http/api-properties.js';

/** The key that did it. */
export class AuditActorResponse {
  key_id: string;
  name: string;
}

export class AuditEntryResponse {
  @ApiTime()
  at: string;
  /** The account that it concerns; it may be gone by now. */
  account_id: string | null;
  /** Null where no key did it: without an address, Ringback itself; with one, somebody unknown. */
  actor: AuditActorResponse | null;
  /** Where it came from; of logins that failed over IPv6, the network of 64 bits. */
  address: string | null;
  /** `console` where it was done there; null for the API, and where no key did it. */
  @ApiProperty({ type: 'string', enum: ['console'], nullable: true })
  via: 'console' | null;
  action: AuditAction;
  /** Id of what it was done to. */
  target: string | null;
  /** More of it, by the action; `count` of what is summed up by the minute. */
  details: Record<string, unknown>;

  static from(entry: AuditEntity): AuditEntryResponse {
    const { at, accountId, actorKeyId, actorName, address, via, action, target, details } = entry;
    return {
      at: at.toISOString(),
      account_id: accountId,
      actor: actorKeyId === null ? null : { key_id: actorKeyId, name: actorName ?? '' },
      address,
      via,
      action,
      target,
      details,
    };
  }
}
