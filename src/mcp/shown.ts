import type { Delivery, Operation } from '../client/types.js';
import type { Service } from './service.js';
import { inJson, shortened } from './words.js';

/** An operation on one line. */
export function operationLine({
  id,
  type,
  status,
  created_at: at,
  error,
  correlation,
  callback,
}: Operation): string {
  return [
    `${id} ${type} ${status}`,
    `created ${at}`,
    ...(error === null ? [] : [`${error.code}: ${shortened(error.message, 120)}`]),
    ...(callback === null ? [] : [`callback ${callback.state}`]),
    ...(correlation === null ? [] : [`correlation ${shortened(correlation, 60)}`]),
  ].join(', ');
}

/** All that is worth knowing of one, a line each. */
export function operationLines(operation: Operation, service: Service): string[] {
  const {
    id,
    request_id: number,
    type,
    status,
    status_text: text,
    progress,
    attempt,
    error,
    result,
    file,
    callback,
  } = operation;
  const times = [`created ${operation.created_at}`];
  if (operation.started_at !== null) times.push(`started ${operation.started_at}`);
  if (operation.finished_at !== null) times.push(`ended ${operation.finished_at}`);
  return [
    `${type} ${id} (request_id ${number}) is ${status}: ${shortened(text, 300)}`,
    ...(status === 'Executing' ? [`progress ${progress} %, attempt ${attempt}`] : []),
    ...(operation.queue_position === undefined ? [] : [`queue position ${operation.queue_position}`]),
    ...(error === null ? [] : [`error ${error.code}: ${shortened(error.message)}`]),
    ...(result === null ? [] : [`result ${inJson(result)}`]),
    ...(file === null ? [] : [`stored result: ${file}`]),
    ...(callback === null ? ['no callback of its own'] : [`callback ${callback.state}, to ${callback.url}`]),
    times.join(', '),
    `Console: ${service.console(`operations/${id}`)}`,
  ];
}

/** A delivery on one line. */
export function deliveryLine(delivery: Delivery): string {
  const { id, event, url, status, attempt_count: attempts, error, reason, next_attempt_at: next } = delivery;
  return [
    `${id} ${event} ${status}`,
    ...(url === null ? ['pulled'] : [url]),
    `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    ...(error === null ? [] : [`last failed by ${error}`]),
    ...(reason === null ? [] : [reason]),
    ...(next === null ? [] : [`next ${next}`]),
    ...(delivery.operation_id === null ? [] : [`of operation ${delivery.operation_id}`]),
  ].join(', ');
}
