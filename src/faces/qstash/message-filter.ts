import { answerOf } from '../../messages/message-answer.js';
import { type Message, ridOf } from '../../messages/message.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { refused } from './refusal.js';

/** Which messages are meant, of what a query, or the body of a bulk action, names. What isn't given lets all through. */
export interface MessageFilter {
  /** Ids of their operations; null: not by id. */
  readonly rids: readonly string[] | null;
  /** When they were made, or, in the dead letter queue, when they came there. */
  readonly from: Date | null;
  readonly to: Date | null;
  /** Whether it asks what is in messages, or what they came to: each that may be meant is opened for it. */
  readonly isJudged: boolean;
  matches(operation: OperationEntity, message: Message): boolean;
}

/** Parameters as they came: repeated ones are a list. */
export type Query = Readonly<Record<string, unknown>>;

type Facet = (message: Message) => readonly (string | null | undefined)[];

/** What several values may be given of: a message needs one of them. Commas part values too, but not those of URLs. */
const FACETS: Readonly<Record<string, Facet>> = {
  url: ({ url }) => [url],
  host: ({ url }) => [new URL(url).host, new URL(url).hostname],
  path: ({ url }) => [new URL(url).pathname],
  topicName: ({ topicName }) => [topicName],
  queueName: ({ queueName }) => [queueName],
  scheduleId: ({ scheduleId }) => [scheduleId],
  callerIp: ({ callerIp }) => [callerIp],
  callerIP: ({ callerIp }) => [callerIp],
  label: ({ labels }) => labels,
  flowControlKey: ({ flow }) => [flow?.key],
};

/** What names messages: by where they are. */
type IdsName = 'messageIds' | 'dlqIds';

/** Ids that a request names at once. */
export const MOST_IDS = 1_000;

/** Reads it, or fails with a Problem. `ids` is what names them. */
export function readFilter(query: Query, ids: IdsName): MessageFilter {
  const wanted = Object.entries(FACETS).flatMap(([name, facet]) => {
    const values = valuesOf(query, name, name !== 'url');
    return values.length === 0 ? [] : [{ facet, values }];
  });
  const statuses = valuesOf(query, 'responseStatus', true).map(Number);
  return {
    rids: namedBoth(ridsOf(query, ids, true), ridsOf(query, 'messageId', false)),
    from: timeOf(query, 'fromDate'),
    to: timeOf(query, 'toDate'),
    isJudged: wanted.length > 0 || statuses.length > 0,
    matches: (operation, message) =>
      (statuses.length === 0 || statuses.includes(answerOf(operation).status)) &&
      wanted.every(({ facet, values }) =>
        facet(message).some((value) => typeof value === 'string' && values.includes(value)),
      ),
  };
}

/**
 * What a bulk action is told by its query and by its body. A name that nobody knows, or that isn't its own, is refused: without it,
 * all would be meant.
 */
export function bulkQuery(query: Query, body: unknown, ids: IdsName): Query {
  if (body !== undefined && body !== null && (typeof body !== 'object' || Array.isArray(body)))
    throw refused('body', 'must be an object');
  const given = { ...body, ...query };
  const known = [...Object.keys(FACETS), 'messageId', ids, ...OTHERS];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw refused(unknown, `is no filter here: use ${known.join(', ')}`);
  return given;
}

const OTHERS = ['fromDate', 'toDate', 'responseStatus', 'count', 'cursor'];

/** How many are asked for. */
export function countOf(query: Query, fallback: number, most: number): number {
  const [text] = valuesOf(query, 'count', false);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,8}$/.test(text)) return Math.min(most, Number(text));
  throw refused('count', 'must be a whole number from 1');
}

/** Where a page before ended; null for the first one. */
export function cursorOf(query: Query): string | null {
  const [text] = valuesOf(query, 'cursor', false);
  if (text === undefined || text === '') return null;
  if (/^\d{1,18}$/.test(text)) return text;
  throw refused('cursor', 'must be one that a page before has answered');
}

/** The values of a parameter. */
export function valuesOf(query: Query, name: string, byComma: boolean): string[] {
  const given = query[name];
  if (given === undefined || given === null) return [];
  const values = (Array.isArray(given) ? given : [given]) as unknown[];
  if (values.some((value) => typeof value !== 'string' && typeof value !== 'number'))
    throw refused(name, 'must be text');
  return values.flatMap((value) => (byComma ? String(value).split(',') : [String(value)]));
}

/** An id that can't be one is of no message; null where none is named. */
function ridsOf(query: Query, name: string, byComma: boolean): string[] | null {
  if (query[name] === undefined) return null;
  const ids = valuesOf(query, name, byComma);
  if (ids.length <= MOST_IDS) return ids.map((id) => ridOf(id) ?? '');
  throw refused(name, `may name at most ${MOST_IDS} at once`);
}

function namedBoth(some: string[] | null, others: string[] | null): string[] | null {
  if (some === null || others === null) return some ?? others;
  return some.filter((rid) => others.includes(rid));
}

function timeOf(query: Query, name: string): Date | null {
  const [text] = valuesOf(query, name, false);
  if (text === undefined) return null;
  if (/^\d{1,14}$/.test(text)) return new Date(Number(text));
  throw refused(name, 'must be milliseconds since 1970');
}
