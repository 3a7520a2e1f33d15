import { Injectable } from '@nestjs/common';
import { randomId } from '../database/random-id.js';
import { HttpRequestEgress } from '../egress/egress.module.js';
import { SecretBox, type SecretPlace } from '../signing/secret-box.js';
import type { UrlGroupEntity } from './url-group.entity.js';
import { UrlGroupStore } from './url-group.store.js';

/** One of the URLs that a group stands for. */
export interface UrlGroupEndpoint {
  readonly name?: string | undefined;
  readonly url: string;
}

/** A group with what it stands for. */
export type UrlGroup = Pick<UrlGroupEntity, 'name' | 'createdAt' | 'updatedAt'> & {
  readonly endpoints: readonly UrlGroupEndpoint[];
};

/** Why a group isn't changed. */
export class UrlGroupError extends Error {
  override readonly name = 'UrlGroupError';

  constructor(
    readonly code: 'not-found' | 'too-many' | 'invalid-url' | 'changed-meanwhile',
    message: string,
  ) {
    super(message);
  }
}

/** Groups of an account. */
const MOST_GROUPS = 1_000;
/** Endpoints of a group: a message to it is so many. */
const MOST_ENDPOINTS = 100;
/** Another change may come between the read and the write of one. */
const MAX_TRIES = 5;

/** What accounts can do with their URL groups. */
@Injectable()
export class UrlGroups {
  constructor(
    private readonly store: UrlGroupStore,
    private readonly box: SecretBox,
    private readonly egress: HttpRequestEgress,
  ) {}

  async find(accountId: string, name: string): Promise<UrlGroup> {
    const group = await this.store.find(accountId, name);
    if (!group) throw notFound(name);
    return this.open(group);
  }

  async list(accountId: string): Promise<UrlGroup[]> {
    return (await this.store.list(accountId)).map((group) => this.open(group));
  }

  /** Adds endpoints, in the place of those that have the same name or URL; makes the group where there is none. */
  async add(accountId: string, name: string, added: readonly UrlGroupEndpoint[]): Promise<void> {
    for (const { url } of added) {
      const checked = this.egress.policy.check(url);
      if (!checked.accepted)
        throw new UrlGroupError('invalid-url', `${url.slice(0, 200)}: ${checked.reason}`);
    }
    await this.change(accountId, name, (endpoints) => {
      const all = withAdded(endpoints, added);
      if (all.length <= MOST_ENDPOINTS) return all;
      throw new UrlGroupError('too-many', `a URL group has at most ${MOST_ENDPOINTS} endpoints`);
    });
  }

  /** Removes those that each of the given ones means, by name or URL; the group goes with the last of them. */
  async removeEndpoints(
    accountId: string,
    name: string,
    removed: readonly Partial<UrlGroupEndpoint>[],
  ): Promise<void> {
    await this.change(accountId, name, (endpoints) => {
      if (endpoints.length === 0) throw notFound(name);
      return endpoints.filter((endpoint) => !removed.some((one) => means(one, endpoint)));
    });
  }

  /** May be repeated: false where there is none. Messages that were sent to it go on. */
  remove(accountId: string, name: string): Promise<boolean> {
    return this.store.remove(accountId, name);
  }

  private async change(
    accountId: string,
    name: string,
    to: (endpoints: readonly UrlGroupEndpoint[]) => readonly UrlGroupEndpoint[],
  ): Promise<void> {
    for (let tries = MAX_TRIES; tries > 0; tries--) {
      const group = await this.store.find(accountId, name);
      const endpoints = to(group ? this.open(group).endpoints : []);
      if (await this.write(group ?? { id: randomId('grp_'), accountId, name }, endpoints)) return;
    }
    throw new UrlGroupError(
      'changed-meanwhile',
      `URL group ${name} was changed by others meanwhile: try again`,
    );
  }

  private async write(
    group: UrlGroupEntity | Pick<UrlGroupEntity, 'id' | 'accountId' | 'name'>,
    endpoints: readonly UrlGroupEndpoint[],
  ): Promise<boolean> {
    const there = 'changes' in group;
    if (endpoints.length === 0) return there ? this.store.drop(group) : true;
    const sealed = this.box.seal(JSON.stringify(endpoints), placeOf(group));
    if (there) return this.store.change(group, sealed);
    if (await this.store.create({ ...group, endpoints: sealed }, MOST_GROUPS)) return true;
    if (await this.store.find(group.accountId, group.name)) return false;
    throw new UrlGroupError('too-many', `this account has its ${MOST_GROUPS} URL groups: delete one`);
  }

  private open(group: UrlGroupEntity): UrlGroup {
    const { name, createdAt, updatedAt } = group;
    const endpoints = JSON.parse(this.box.open(group.endpoints, placeOf(group))) as UrlGroupEndpoint[];
    return { name, createdAt, updatedAt, endpoints };
  }
}

function notFound(name: string): UrlGroupError {
  return new UrlGroupError('not-found', `there is no URL group ${name.slice(0, 100)}`);
}

function withAdded(
  endpoints: readonly UrlGroupEndpoint[],
  added: readonly UrlGroupEndpoint[],
): readonly UrlGroupEndpoint[] {
  let all = [...endpoints];
  for (const endpoint of added) {
    const same = all.findIndex((one) => isSame(one, endpoint));
    // It may have the name of one and the URL of another.
    all = all.filter((one, at) => at === same || !isSame(one, endpoint));
    if (same === -1) all.push(endpoint);
    else all[same] = endpoint;
  }
  return all;
}

function isSame(one: UrlGroupEndpoint, other: UrlGroupEndpoint): boolean {
  return one.url === other.url || (one.name !== undefined && one.name === other.name);
}

/** Where both are given, both are the endpoint's. */
function means({ name, url }: Partial<UrlGroupEndpoint>, endpoint: UrlGroupEndpoint): boolean {
  return (name === undefined || name === endpoint.name) && (url === undefined || url === endpoint.url);
}

function placeOf({ id, accountId }: Pick<UrlGroupEntity, 'id' | 'accountId'>): SecretPlace {
  return { account: accountId, row: id, column: 'url_group_endpoints' };
}
