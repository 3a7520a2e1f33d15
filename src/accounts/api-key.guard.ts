import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { addressOf } from '../http/client-address.js';
import { isOfConsole } from '../http/console-request.js';
import { Problem } from '../http/problem.js';
import { AddToRoute, type Admission, type Admits } from '../http/route-config.js';
import { AccountsService } from './accounts.service.js';
import type { KeyHolder } from './account.store.js';
import type { Actor } from './audit.store.js';
import { ConsoleSessions } from './console-sessions.js';
import { LoginAttempts } from './login-attempts.js';
import { RequestRates } from './request-rates.js';
import type { Scope } from './scopes.js';

const SCOPE = 'ringback:scope';

type WithHolder = FastifyRequest & { holder?: KeyHolder };

/** Lets requests with a valid API key of the needed scope pass. */
@Injectable()
export class ApiKeyGuard implements CanActivate, Admits<Scope | null> {
  /** Credentials that it takes in place of an API key, by the names of the OpenAPI document. */
  static readonly alsoTakes: readonly Record<string, string[]>[] = [];

  constructor(
    protected readonly accounts: AccountsService,
    protected readonly logins: LoginAttempts,
    private readonly rates: RequestRates,
    private readonly sessions: ConsoleSessions,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<WithHolder>();
    // Most have been admitted before their body was read.
    if (request.holder !== undefined) return true;
    const scope = this.reflector.getAllAndOverride<Scope | null>(SCOPE, [
      context.getHandler(),
      context.getClass(),
    ]);
    await this.admit(request, http.getResponse<FastifyReply>(), scope);
    return true;
  }

  /** Notes whose request it is, and spends it from what the account may make; or fails with a Problem: 401, 403, 429. */
  async admit(request: WithHolder, reply: FastifyReply, scope: Scope | null): Promise<void> {
    const holder = isOfConsole(request.raw)
      ? await this.sessions.admit(request, reply)
      : await this.holder(request);
    void reply.headers(this.rates.spend(holder));
    if (scope !== null && !holder.scopes.includes('admin') && !holder.scopes.includes(scope)) {
      throw new Problem(403, 'forbidden', `this API key lacks the scope ${scope}`);
    }
    request.holder = holder;
  }

  /** Whose request it is, or a Problem 401. */
  protected async holder(request: FastifyRequest): Promise<KeyHolder> {
    const key = /^Bearer +(rb_[A-Za-z0-9_-]{1,300})$/i.exec(request.headers.authorization ?? '')?.[1];
    const holder = key === undefined ? null : await this.accounts.holderOf(key);
    if (holder) return holder;
    const refusal = new Problem(401, 'unauthorized', 'send a valid API key: Authorization: Bearer rb_…', {
      headers: { 'www-authenticate': 'Bearer' },
    });
    // Whoever sends none is told so, and has tried nothing.
    throw request.headers.authorization ? this.logins.failed(request.ip, refusal) : refusal;
  }
}

/** The route needs an API key with this scope (or `admin`); null takes any key. */
export function NeedsScope(
  scope: Scope | null,
  guard: Type<ApiKeyGuard> & Pick<typeof ApiKeyGuard, 'alsoTakes'> = ApiKeyGuard,
): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(SCOPE, scope),
    UseGuards(guard),
    AddToRoute({ admission: { guard, scope } satisfies Admission<Scope | null> }),
    ApiSecurity('bearer', scope === null ? [] : [scope]),
    ...guard.alsoTakes.map((credentials) => ApiSecurity({ ...credentials })),
  );
}

/** Whether the request's key has the scope `admin`. */
export const IsAdmin = createParamDecorator((_: unknown, context: ExecutionContext): boolean => {
  return context.switchToHttp().getRequest<WithHolder>().holder!.scopes.includes('admin');
});

/** The id of the account whose key the request carries. */
export const AccountId = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  return context.switchToHttp().getRequest<WithHolder>().holder!.accountId;
});

/** Whose key the request carries. */
export const Holder = createParamDecorator((_: unknown, context: ExecutionContext): KeyHolder => {
  return context.switchToHttp().getRequest<WithHolder>().holder!;
});

/** Whether the request's key has the scope `admin`: its holder may know what is inside. */
export const IsOperator = createParamDecorator((_: unknown, context: ExecutionContext): boolean => {
  return context.switchToHttp().getRequest<WithHolder>().holder!.scopes.includes('admin');
});

/** The id of the key that the request carries. */
export const KeyId = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  return context.switchToHttp().getRequest<WithHolder>().holder!.keyId;
});

/** Who asks, for the audit. */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const { holder, ip, raw } = context.switchToHttp().getRequest<WithHolder>();
  const via = isOfConsole(raw) ? 'console' : undefined;
  return { keyId: holder!.keyId, name: holder!.keyName, address: addressOf(ip), via };
});

/** Whether the request's key has this scope (or `admin`), besides the one that the route needs. */
export const HasScope = createParamDecorator((scope: Scope, context: ExecutionContext): boolean => {
  const { scopes } = context.switchToHttp().getRequest<WithHolder>().holder!;
  return scopes.includes('admin') || scopes.includes(scope);
});
