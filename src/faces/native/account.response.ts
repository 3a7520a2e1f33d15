import type { AccountEntity, ApiKeyEntity } from '../../accounts/account.entity.js';
import type { Scope } from '../../accounts/scopes.js';
import type { KnownSecret } from '../../signing/signing-secrets.store.js';
import { ApiInteger, ApiLargeInteger, ApiTime } from '../../http/api-properties.js';

/** What of an account runs and waits. */
export class AccountUsageResponse {
  /** Operations that are Waiting; at most 10,000 are counted. */
  @ApiInteger()
  waiting: number;
  /** Operations that are Executing: slots that are used. */
  @ApiInteger()
  executing: number;
}

export class AccountResponse {
  id: string;
  /** Integer, from 1 in the order of creation: the `user_id` of its requests on the bgrs face. */
  number: number;
  name: string;
  @ApiInteger()
  slots: number;
  /** Bytes that it may have stored; 0 for any. Null, of this and the next two: what the settings say. */
  @ApiLargeInteger()
  quota_bytes: number | null;
  /** Operations that it may have Waiting. */
  @ApiInteger()
  quota_waiting: number | null;
  /** Requests that it may make a second. */
  requests_per_s: number | null;
  /** Its keys are refused. */
  disabled: boolean;
  @ApiTime()
  created_at: string;
  /** Only in lists that were asked for with `usage=true`. */
  usage?: AccountUsageResponse;

  static from(account: AccountEntity, usage?: AccountUsageResponse): AccountResponse {
    const { id, number, name, slots, quotaBytes, quotaWaiting, requestsPerS, disabledAt, createdAt } =
      account;
    return {
      id,
      number: Number(number),
      name,
      slots,
      quota_bytes: quotaBytes === null ? null : Number(quotaBytes),
      quota_waiting: quotaWaiting,
      requests_per_s: requestsPerS,
      disabled: disabledAt !== null,
      created_at: createdAt.toISOString(),
      ...(usage === undefined ? {} : { usage }),
    };
  }
}

export class ApiKeyResponse {
  id: string;
  name: string;
  scopes: Scope[];
  @ApiTime()
  created_at: string;
  @ApiTime()
  expires_at: string | null;
  /** To about a minute; null where it was never used. */
  @ApiTime()
  last_used_at: string | null;
  /** Only in the answer that creates it. */
  key?: string;

  static from(
    { id, name, scopes, createdAt, expiresAt, lastUsedAt }: ApiKeyEntity,
    key?: string,
  ): ApiKeyResponse {
    return {
      id,
      name,
      scopes,
      created_at: createdAt.toISOString(),
      expires_at: expiresAt?.toISOString() ?? null,
      last_used_at: lastUsedAt?.toISOString() ?? null,
      ...(key === undefined ? {} : { key }),
    };
  }
}

/** The secret that signs the callbacks of an account's operations. */
export class SigningSecretResponse {
  /** `whsec_…`: give it to a Standard Webhooks verifier as it is. */
  secret: string;
}

/** What an account uses, as far as is known. */
export class UsageResponse {
  /** Stored: files, inputs, results and the bodies of callbacks, some of them compressed. */
  @ApiLargeInteger()
  bytes: number;
  /** Operations that are Waiting. */
  @ApiInteger()
  waiting: number;
  /** Operations that are Executing. */
  @ApiInteger()
  executing: number;
}

/** What an account may use; null for any. */
export class QuotasResponse {
  @ApiLargeInteger()
  bytes: number | null;
  @ApiInteger()
  waiting: number | null;
  requests_per_s: number | null;
}

/** The account whose key it is. */
export class OwnAccountResponse {
  id: string;
  name: string;
  /** How many of its operations may be Executing at once. */
  @ApiInteger()
  slots: number;
  usage: UsageResponse;
  quotas: QuotasResponse;
}

/** A secret that signs now, without its text. */
export class KnownSecretResponse {
  id: string;
  /** The one that signs; the others co-sign. */
  current: boolean;
  /** When it stops to co-sign; null for the current one. */
  @ApiTime()
  signs_until: string | null;
  @ApiTime()
  created_at: string;
}

/** The secrets that sign now, newest first: at most 11. */
export class KnownSecretsResponse {
  data: KnownSecretResponse[];

  static from(secrets: readonly KnownSecret[]): KnownSecretsResponse {
    return {
      data: secrets.map(({ id, signsUntil, createdAt }) => ({
        id,
        current: signsUntil === null,
        signs_until: signsUntil?.toISOString() ?? null,
        created_at: createdAt.toISOString(),
      })),
    };
  }
}
