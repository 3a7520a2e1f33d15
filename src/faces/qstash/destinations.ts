import { Injectable } from '@nestjs/common';
import { Problem } from '../../http/problem.js';
import { UrlGroups } from '../../messages/url-groups.js';
import { refused } from './refusal.js';

/** One place that a message goes to. */
export interface Target {
  readonly url: string;
  /** Of the URL group that was named, and of the endpoint in it; null where a URL was. */
  readonly topicName: string | null;
  readonly endpointName: string | null;
}

/** What was named as a destination, and where messages to it go: more than one, or none, where it is a URL group. */
export interface Destination {
  readonly isGroup: boolean;
  readonly targets: readonly Target[];
}

const MAX_URL = 2048;

/** What callers name as the destination of a message: a URL, or a URL group. */
@Injectable()
export class Destinations {
  constructor(private readonly groups: UrlGroups) {}

  async of(accountId: string, given: string): Promise<Destination> {
    const named = decoded(given);
    if (isUrl(named)) {
      if (named.length > MAX_URL) throw refused('destination', `has more than ${MAX_URL} characters`);
      return { isGroup: false, targets: [{ url: named, topicName: null, endpointName: null }] };
    }
    if (named.startsWith('api/'))
      throw new Problem(
        501,
        'not-offered',
        `publishing to "${named.slice(0, 100)}" is not offered here: publish to a URL`,
      );
    if (!/^[\w.-]{1,255}$/.test(named))
      throw refused(
        'destination',
        'must be a URL that begins with http:// or https://, or the name of a URL group',
      );
    return this.group(accountId, named);
  }

  private async group(accountId: string, topicName: string): Promise<Destination> {
    const { endpoints } = await this.groups.find(accountId, topicName);
    const targets = endpoints.map(({ url, name = null }) => ({ url, topicName, endpointName: name }));
    return { isGroup: true, targets };
  }
}

/** Whether a destination is a URL, and not the name of a URL group. */
export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** Some callers escape the URL as a whole. */
function decoded(given: string): string {
  if (!/^https?%3a/i.test(given)) return given;
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}
