import mime from 'mime';
import type { HistoryEntryEntity, OperationEntity } from '../operations/operation.entity.js';
import type { OperationState } from '../operations/operation.state.js';
import { isGone } from '../operations/retain/gone.js';
import type { UpstreamInput } from './upstream-input.js';
import type { UpstreamResult } from './upstream-outcome.js';

/** Ids and names of our states in the bgrs face. */
export const BGRS_STATUS = {
  Waiting: [1, 'waiting'],
  Executing: [2, 'executing'],
  Failed: [3, 'failed'],
  Finished: [4, 'finished'],
  Canceled: [5, 'canceled'],
} as const satisfies Record<OperationState, readonly [number, string]>;

/** RINGBACK_BGRS_TYPES: how numbers are written. */
export type BgrsTypes = 'strings' | 'numbers';
type Value = string | number | null;

/** What `GET /bgrs/:rid` answers, keys in this order: an array of one. */
export function bgrsRequest(
  operation: OperationEntity,
  name: string,
  types: BgrsTypes,
): Record<string, Value>[] {
  const input = JSON.parse(operation.input ?? '{}') as Partial<UpstreamInput>;
  // What is over isn't offered any more, whether its bytes are gone already or not.
  const result = isGone(operation) ? null : resultOf(operation);
  const [statusId, statusName] = BGRS_STATUS[operation.state];
  const number = (value: number): Value => (types === 'numbers' ? value : String(value));
  return [
    {
      id: number(Number(operation.requestId)),
      rid: operation.rid,
      user_id: typeof input.user_id === 'number' ? number(input.user_id) : (input.user_id ?? null),
      name,
      created_dt: dateTime(operation.createdAt),
      status_id: number(statusId),
      status_name: statusName,
      progress: types === 'numbers' ? operation.progress : operation.progress.toFixed(2),
      finished_dt: operation.finishedAt && dateTime(operation.finishedAt),
      status: result && number(result.status),
      content_type: result && result.content_type,
      result: result && resultPath(operation, result.content_type),
    },
  ];
}

/** One line of `GET /bgrs/:rid/details`. */
export function bgrsDetail(entry: HistoryEntryEntity, rid: string, types: BgrsTypes): Record<string, Value> {
  return {
    id: types === 'numbers' ? Number(entry.id) : entry.id,
    rid,
    dt: dateTime(entry.createdAt),
    details: entry.text,
  };
}

/** What the upstream answered; null before it has. */
export function resultOf(operation: OperationEntity): UpstreamResult | null {
  return operation.state === 'Finished' && operation.result !== null
    ? (JSON.parse(operation.result) as UpstreamResult)
    : null;
}

/** `YYYY-MM-DD HH:MM:SS` in UTC. */
function dateTime(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

function resultPath(operation: OperationEntity, contentType: string): string {
  return `media/${resultName(operation, contentType)}`;
}

/** What the file of a result is called. */
export function resultName({ retention, rid }: OperationEntity, contentType: string): string {
  return `${retention}.bgrs.${rid}.result.${extensionOf(contentType)}`;
}

/** Of `application/problem+json`, `text/json` and the like, too. */
function extensionOf(contentType: string): string {
  const [, kind = 'bin'] = /^[^;]*[/+](json|xml|csv)\s*(?:;|$)/i.exec(contentType) ?? [];
  return mime.getExtension(contentType) ?? kind.toLowerCase();
}
