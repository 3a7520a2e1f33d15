import { Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, By, HasScope, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import { HEADER_VALUE } from '../../config/header-form.js';
import { TakesBody } from '../../http/takes-body.js';
import { shownUrl } from '../../messages/message-input.js';
import { type UrlGroup, type UrlGroupEndpoint, UrlGroups } from '../../messages/url-groups.js';
import { isUrl } from './destinations.js';
import { nameOf, objectOf } from './json-body.js';
import { refused } from './refusal.js';

/** A URL group, in QStash's words. */
interface TopicResponse {
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly endpoints: readonly UrlGroupEndpoint[];
}

/** Endpoints that a request names at once. */
const MOST_NAMED = 1_000;

/** URL groups, which QStash called topics. */
@ApiExcludeController()
@Controller('qstash/v2/topics')
export class QstashTopicsController {
  constructor(
    private readonly groups: UrlGroups,
    private readonly audit: Audit,
  ) {}

  @Get()
  @NeedsScope('operations:read')
  async list(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
  ): Promise<TopicResponse[]> {
    return (await this.groups.list(accountId)).map((group) => toResponse(group, whole));
  }

  @Get(':name')
  @NeedsScope('operations:read')
  async read(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Param('name') name: string,
  ): Promise<TopicResponse> {
    return toResponse(await this.groups.find(accountId, name), whole);
  }

  @Delete(':name')
  @NeedsScope('operations:write')
  async remove(
    @AccountId() accountId: string,
    @Param('name') name: string,
    @By() actor: Actor,
  ): Promise<void> {
    if (await this.groups.remove(accountId, name))
      await this.wrote(accountId, name, actor, 'url-group.deleted', {});
  }

  @Post(':name/endpoints')
  @HttpCode(200)
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async add(
    @AccountId() accountId: string,
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @By() actor: Actor,
  ): Promise<void> {
    const added = endpointsOf(request).map(({ name: given, url }, index) => {
      if (given !== undefined && !HEADER_VALUE.test(given))
        throw refused(`endpoints[${index}].name`, 'must be printable ASCII: messages have it in a header');
      if (url !== undefined) return { name: given, url };
      throw refused(`endpoints[${index}].url`, 'must be a URL that begins with http:// or https://');
    });
    await this.groups.add(accountId, nameOf(name, 'The name of a URL group'), added);
    const origins = [...new Set(added.map(({ url }) => new URL(url).origin))];
    await this.wrote(accountId, name, actor, 'url-group.changed', { added: added.length, origins });
  }

  @Delete(':name/endpoints')
  @NeedsScope('operations:write')
  @TakesBody('raw')
  async removeEndpoints(
    @AccountId() accountId: string,
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @By() actor: Actor,
  ): Promise<void> {
    const removed = endpointsOf(request);
    const unnamed = removed.findIndex((one) => one.name === undefined && one.url === undefined);
    if (unnamed !== -1) throw refused(`endpoints[${unnamed}]`, 'must have a name or a url');
    await this.groups.removeEndpoints(accountId, name, removed);
    await this.wrote(accountId, name, actor, 'url-group.changed', { removed: removed.length });
  }

  /** Nothing of a URL but its origin: the rest often holds a token. */
  private wrote(
    accountId: string,
    name: string,
    actor: Actor,
    action: AuditAction,
    details: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: name, details });
  }
}

/** The queries of URLs are for who may publish to them (`whole`). */
function toResponse({ name, createdAt, updatedAt, endpoints }: UrlGroup, whole: boolean): TopicResponse {
  const shown = whole ? endpoints : endpoints.map((one) => ({ ...one, url: shownUrl(one.url) }));
  return { name, createdAt: createdAt.getTime(), updatedAt: updatedAt.getTime(), endpoints: shown };
}

function endpointsOf(request: FastifyRequest): Partial<UrlGroupEndpoint>[] {
  const { endpoints } = objectOf(request);
  if (!Array.isArray(endpoints) || endpoints.length === 0 || endpoints.length > MOST_NAMED)
    throw refused('endpoints', `must be a list of 1 to ${MOST_NAMED}`);
  return endpoints.map(endpointOf);
}

function endpointOf(given: unknown, index: number): Partial<UrlGroupEndpoint> {
  const path = `endpoints[${index}]`;
  if (typeof given !== 'object' || given === null) throw refused(path, 'must be an object');
  const { name, url } = given as Record<string, unknown>;
  const named = name === undefined || name === null || name === '' ? undefined : name;
  if (named !== undefined && (typeof named !== 'string' || named.length > 255))
    throw refused(`${path}.name`, 'must have at most 255 characters');
  if (url !== undefined && url !== null && (typeof url !== 'string' || !isUrl(url) || url.length > 2048))
    throw refused(
      `${path}.url`,
      'must be a URL of at most 2048 characters that begins with http:// or https://',
    );
  return { ...(named === undefined ? {} : { name: named }), ...(url ? { url } : {}) };
}
