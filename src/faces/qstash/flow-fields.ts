import { durationS } from '../../messages/durations.js';
import { headerName, type MessageFlow } from '../../messages/message.js';
import { FLOW_KEY } from '../native/flow.request.js';
import { type Fields, listOf } from './fields.js';
import { refused } from './refusal.js';

const MAX_KEY = 255;
const PARTS = ['parallelism', 'rate', 'period', 'ratepersecond'];
const MAX_PERIOD_S = 7 * 86_400;

/** The flow key that a message is to have, or its callback: `parallelism=3, rate=10, period=1m`. Null where none is given. */
export function readFlow(fields: Fields, prefix: string): MessageFlow | null {
  const [key, value] = [fields.get(`${prefix}-flow-control-key`), fields.get(`${prefix}-flow-control-value`)];
  if (key === undefined && value === undefined) return null;
  const field = headerName(`${prefix}-flow-control-value`);
  if (key === undefined || key.length > MAX_KEY || !FLOW_KEY.test(key))
    throw refused(
      headerName(`${prefix}-flow-control-key`),
      `must be given, of at most ${MAX_KEY} characters without control characters, and not begin with $`,
    );
  const parts = new Map(
    listOf(value).map((part) => {
      const [name = '', given = ''] = part.split('=').map((each) => each.trim());
      return [name.toLowerCase(), given];
    }),
  );
  const unknown = [...parts.keys()].find((name) => !PARTS.includes(name));
  if (unknown !== undefined) throw refused(field, `has "${unknown}": it may have ${PARTS.join(', ')}`);
  const rate = countOf(parts.get('rate') ?? parts.get('ratepersecond'), field);
  const parallelism = countOf(parts.get('parallelism'), field);
  if (rate === null && parallelism === null)
    throw refused(field, 'must have at least one of parallelism and rate');
  return { key, parallelism, rate, periodS: periodOf(parts.get('period'), field) };
}

function countOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw refused(field, `has "${text}": parallelism and rate are whole numbers from 1`);
}

function periodOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : durationS(text);
  if (seconds !== null && seconds >= 1 && seconds <= MAX_PERIOD_S) return seconds;
  throw refused(field, `has "${text}": period is a duration from 1s to 7d`);
}
