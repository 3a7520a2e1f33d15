import { typed } from '../form-text.js';
import type { ScheduleResponse } from '../api-types.js';

export const KINDS = ['cron', 'every_s', 'at'] as const;
export type Kind = (typeof KINDS)[number];

/** Which of the three says when a schedule ticks. */
export function kindOf(schedule: ScheduleResponse | undefined): Kind {
  return KINDS.find((kind) => schedule && schedule[kind] !== null) ?? 'cron';
}

/** What a form says of a schedule. The operation of one that is changed stays where nothing is given. Fails where JSON is none. */
export function fieldsOf(given: FormData): Record<string, unknown> {
  const kind = typed(given, 'kind');
  const when = typed(given, 'when');
  const operation = typed(given, 'operation');
  return {
    name: typed(given, 'name'),
    [kind]: kind === 'every_s' ? number(when) : when,
    time_zone: typed(given, 'time_zone'),
    missed: typed(given, 'missed'),
    overlap: typed(given, 'overlap'),
    jitter_s: number(typed(given, 'jitter_s') || '0'),
    ends_at: typed(given, 'ends_at') || null,
    ...(operation === '' ? {} : { operation: json(operation) }),
  };
}

/** What is no number goes as it is: the service says what is wrong with it. */
function number(value: string): number | string {
  const read = Number(value);
  return value === '' || Number.isNaN(read) ? value : read;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The operation is no JSON: ${(error as Error).message}`, { cause: error });
  }
}
