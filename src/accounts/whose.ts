import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { ApiDetail } from '../http/api-properties.js';
import { Problem } from '../http/problem.js';
import type { KeyHolder } from './account.store.js';

/** Whose rows a request reads or changes. */
export interface Whose {
  /** Id of the account; null: of all accounts. */
  readonly account: string | null;
  /** The request has said so itself: an operator looks on, who is shown whose each row is. */
  readonly named: boolean;
}

const ACCOUNT = /^(?:\*|[\w-]{1,64})$/;
const WANTED = 'must be the id of an account, or * for all of them';
const DESCRIPTION = 'Id of an account, or `*` for all; any but your own needs the scope `admin`';

/** Of a query: an account whose rows are asked for. */
export function IsAccount(): PropertyDecorator {
  return applyDecorators(
    Matches(ACCOUNT, { message: `$property ${WANTED}` }),
    ApiDetail({ description: DESCRIPTION, pattern: undefined }),
  );
}

/** Documents `account` of a route that has no other query. */
export function ApiAccount(): MethodDecorator {
  return ApiQuery({ name: 'account', required: false, type: String, description: DESCRIPTION });
}

/** Whose rows are asked for: those of the key's account, or, where `account` says so and the key is an administrator's, of others. */
export const WhoseRows = createParamDecorator((_: unknown, context: ExecutionContext): Whose => {
  const { query, holder } = context
    .switchToHttp()
    .getRequest<FastifyRequest<{ Querystring: { account?: unknown } }> & { holder?: KeyHolder }>();
  return whoseRows(query.account, holder!);
});

/** Of a response: whose a row is, where the request named an account. */
export function accountShown(accountId: string, whose?: Whose): { account_id?: string } {
  return whose?.named === true ? { account_id: accountId } : {};
}

/** The same of an `account` that came otherwise. */
export function whoseRows(given: unknown, { accountId, scopes }: KeyHolder): Whose {
  if (given === undefined) return { account: accountId, named: false };
  if (typeof given !== 'string' || !ACCOUNT.test(given)) {
    throw new Problem(400, 'invalid-query', `account: account ${WANTED}`, {
      errors: [{ path: 'account', message: `account ${WANTED}` }],
    });
  }
  if (given !== accountId && !scopes.includes('admin'))
    throw new Problem(
      403,
      'forbidden',
      'account: this API key lacks the scope admin, and reaches its own account alone',
    );
  return { account: given === '*' ? null : given, named: true };
}
