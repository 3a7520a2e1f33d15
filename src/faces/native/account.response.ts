import type { AccountEntity, ApiKeyEntity } from '../../accounts/account.entity.js';
import type { Scope } from '../../accounts/scopes.js';
import type { KnownSecret } from '../../signing/signing-secrets.store.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

export class AccountResponse {
  id: string;
  /** Integer, from 1 in the order of creation: the `user_id` of its requests on the bgrs face. */
  number: number;
  name: string;
  @ApiInteger()
  slots: number;
  /** Its keys are refused. */
  disabled: boolean;
  @ApiTime()
  created_at: string;

  static from({ id, number, name, slots, disabledAt, createdAt }: AccountEntity): AccountResponse {
    return {
      id,
      number: Number(number),
      name,
      slots,
      disabled: disabledAt !== null,
      created_at: createdAt.toISOString(),
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
  /** To a minute or so; null before the first use. */
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
