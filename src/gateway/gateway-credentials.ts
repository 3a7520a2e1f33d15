import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { AccountDisabledError } from '../accounts/account.errors.js';
import type { AccountEntity } from '../accounts/account.entity.js';
import { AccountStore } from '../accounts/account.store.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { LoginAttempts } from '../accounts/login-attempts.js';
import { RequestRates } from '../accounts/request-rates.js';
import type { Scope } from '../accounts/scopes.js';
import { GatewayConfig, HttpConfig } from '../config/config.js';
import { headerText } from '../egress/header-text.js';
import { Problem } from '../http/problem.js';
import { queryValue } from './gateway-route.js';
import { isRingbacks } from './upstream-headers.js';

/** Who a caller of the gateway is. */
export interface Caller {
  readonly accountId: string;
  /** As the authorization service told it (text), or else the number of the account. */
  readonly userId: string | number;
}

/** What is known of a request by its head. */
export interface GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the peer. */
  readonly address: string | undefined;
}

/** Account of the operations of callers that have no API key. */
const GATEWAY_ACCOUNT = 'gateway';
/** How long the account is believed without a look at its row. */
const REMEMBERED_MS = 3_000;
const AUTH_MS = 5_000;
/** What a request of our own must not take over from the caller's. */
const NOT_FORWARDED =
  /^(?:host|connection|content-.*|expect|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$/i;

/** Finds out whether a caller has a valid credential for the bgrs face; when in doubt, it hasn't. */
@Injectable()
export class GatewayCredentials {
  private account: { until: number; found: Promise<AccountEntity> } | undefined;

  constructor(
    private readonly accounts: AccountsService,
    private readonly logins: LoginAttempts,
    private readonly rates: RequestRates,
    private readonly store: AccountStore,
    private readonly config: GatewayConfig,
    private readonly listener: HttpConfig,
  ) {}

  /** The caller, or a `Problem`: 401, 403, or 503 when nobody could be asked. */
  async callerOf(request: GatewayRequest, scope: Scope): Promise<Caller> {
    const key = keyOf(request.headers, request.target);
    const holder = key === undefined ? null : await this.accounts.holderOf(key);
    if (holder) {
      this.rates.spend(holder);
      if (!holder.scopes.includes('admin') && !holder.scopes.includes(scope))
        throw new Problem(403, 'forbidden', `this API key lacks the scope ${scope}`);
      return { accountId: holder.accountId, userId: holder.accountNumber };
    }
    if (this.config.authUrl !== undefined) {
      return this.anonymous(await this.ask(this.config.authUrl, request));
    }
    if (this.config.open) return this.anonymous(null);
    throw key === undefined ? unauthorized() : this.failed(request, unauthorized());
  }

  private failed({ address, headers }: GatewayRequest, refusal: Problem): Problem {
    const caller = this.listener.trustedProxies.callerOf(address, headers['x-forwarded-for']);
    return this.logins.failed(caller, refusal);
  }

  private async anonymous(userId: string | null): Promise<Caller> {
    const { id, number, disabledAt } = await this.gatewayAccount();
    if (disabledAt !== null) throw new AccountDisabledError();
    return { accountId: id, userId: userId ?? Number(number) };
  }

  /** The `auth_request` convention of nginx: a 2xx lets the caller in. */
  private async ask(url: string, request: GatewayRequest): Promise<string | null> {
    const headers = new Headers({ 'x-original-method': request.method, 'x-original-uri': request.target });
    // As the upstream would see it: what `Connection` names is for this hop alone (RFC 9110, 7.6.1).
    const hop = new Set((request.headers.connection ?? '').toLowerCase().split(/[\s,]+/));
    for (const [name, value] of Object.entries(request.headers))
      if (value !== undefined && !NOT_FORWARDED.test(name) && !isRingbacks(name) && !hop.has(name))
        headers.set(name, String(value));
    const answer = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(AUTH_MS),
    }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return headerText(answer.headers.get('x-user-id') ?? '') || null;
    if (answer?.status === 403)
      throw new Problem(403, 'forbidden', 'the authorization service does not allow this');
    if (answer && answer.status < 500)
      throw this.failed(request, unauthorized(answer.headers.get('www-authenticate')));
    throw new Problem(
      503,
      'authorization-unavailable',
      'the credential could not be checked: the authorization service did not answer; try again',
      { headers: { 'retry-after': '2' } },
    );
  }

  /** Made when first needed; looked at again every few seconds, as keys are. */
  private gatewayAccount(): Promise<AccountEntity> {
    if (this.account && this.account.until > performance.now()) return this.account.found;
    const found = this.findOrMake();
    this.account = { until: performance.now() + REMEMBERED_MS, found };
    found.catch(() => (this.account = undefined));
    return found;
  }

  private async findOrMake(): Promise<AccountEntity> {
    const found =
      (await this.store.findByName(GATEWAY_ACCOUNT)) ??
      (await this.accounts.create({ name: GATEWAY_ACCOUNT }, null)) ??
      (await this.store.findByName(GATEWAY_ACCOUNT));
    return found!;
  }
}

/** The first text that looks like a key of ours: `X-Ringback-Key`, a bearer token, or `_token`. */
function keyOf(headers: IncomingHttpHeaders, target: string): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return [headers['x-ringback-key'], bearer, queryValue(target, '_token')].find(
    (text): text is string => typeof text === 'string' && /^rb_[A-Za-z0-9_-]{1,300}$/.test(text),
  );
}

const OWN_KEYS = 'X-Ringback-Key, Authorization: Bearer rb_…, or _token=rb_…';

/** `challenge` is what the authorization service said, where it was asked: its credentials are the API's own. */
function unauthorized(challenge?: string | null): Problem {
  const detail =
    challenge === undefined
      ? `send a valid credential: ${OWN_KEYS}`
      : `the API's authorization service refuses this: send a credential of the API's, or a key of Ringback's (${OWN_KEYS})`;
  return new Problem(401, 'unauthorized', detail, {
    headers: { 'www-authenticate': challenge || 'Bearer' },
  });
}
