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
import type { FastifyRequest } from 'fastify';
import { Problem } from '../http/problem.js';
import { AccountsService } from './accounts.service.js';
import type { KeyHolder } from './account.store.js';
import type { Scope } from './scopes.js';

const SCOPE = 'ringback:scope';

type WithHolder = FastifyRequest & { holder?: KeyHolder };

/** Lets requests with a valid API key of the needed scope pass. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  /** Credentials that it takes in place of an API key, by the names of the OpenAPI document. */
  static readonly alsoTakes: readonly Record<string, string[]>[] = [];

  constructor(
    protected readonly accounts: AccountsService,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<WithHolder>();
    const holder = await this.holder(request);
    const scope = this.reflector.getAllAndOverride<Scope>(SCOPE, [context.getHandler(), context.getClass()]);
    if (!holder.scopes.includes('admin') && !holder.scopes.includes(scope)) {
      throw new Problem(403, 'forbidden', `this API key lacks the scope ${scope}`);
    }
    request.holder = holder;
    return true;
  }

  /** Whose request it is, or a Problem 401. */
  protected async holder(request: FastifyRequest): Promise<KeyHolder> {
    const key = /^Bearer +(rb_[A-Za-z0-9_-]{1,300})$/i.exec(request.headers.authorization ?? '')?.[1];
    const holder = key === undefined ? null : await this.accounts.holderOf(key);
    if (holder) return holder;
    throw new Problem(401, 'unauthorized', 'send a valid API key: Authorization: Bearer rb_…', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
}

/** The route needs an API key with this scope (or `admin`). */
export function NeedsScope(
  scope: Scope,
  guard: Type<ApiKeyGuard> & Pick<typeof ApiKeyGuard, 'alsoTakes'> = ApiKeyGuard,
): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(SCOPE, scope),
    UseGuards(guard),
    ApiSecurity('bearer', [scope]),
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
