import { clean, clockTime, json, spanWords, statusStyle, styled } from '../output.js';
import type { Heard } from './listener.js';

/** As wide as the longest event of an operation. */
const EVENT_WIDTH = 'operation.finished'.length;

/** A callback as a line for people. */
export function heardLine(one: Heard, isForwarded: boolean): string {
  const { pulled, event, type, operationId, outcome, status, fault, durationMs } = one;
  const answer = status === null ? outcome : String(status);
  const isNews = outcome === 'delivered' && !isForwarded;
  const words = [
    styled('dim', clockTime(new Date().toISOString())),
    clean(event ?? 'a callback').padEnd(EVENT_WIDTH),
    clean(operationId ?? pulled.id),
    ...(type === null ? [] : [clean(type)]),
    ...(pulled.attempt > 1 ? [`attempt ${pulled.attempt}`] : []),
    styled(statusStyle(outcome) ?? 'dim', isNews ? 'verified' : answer),
    ...(isForwarded && outcome !== 'passed over' ? [styled('dim', spanWords(durationMs))] : []),
    ...(fault === null || fault === `HTTP ${status}` ? [] : [clean(fault)]),
  ];
  return `${words.join('  ')}\n`;
}

/** The same as JSON, with what came. */
export function heardJson(one: Heard): string {
  const { pulled, event, type, operationId, outcome, status, fault, durationMs } = one;
  return json({
    at: new Date().toISOString(),
    id: pulled.id,
    attempt: pulled.attempt,
    event,
    operation_id: operationId,
    type,
    outcome,
    http_status: status,
    error: fault,
    duration_ms: Math.round(durationMs),
    headers: pulled.headers,
    body: pulled.body,
  });
}
