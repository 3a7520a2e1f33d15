import type { Submission } from '../operations/accept/submission.js';
import { flowOf, MESSAGE, type Message } from './message.js';
import { laneOf } from './queues.js';

/** What a message is to the engine, whoever has it submitted and when. */
export type MessageWork = Pick<
  Submission,
  'face' | 'type' | 'input' | 'callback' | 'correlation' | 'priority' | 'timeoutS' | 'retention' | 'flow'
>;

/** A message as the engine takes it; of another type, where it is not sent as it stands. */
export function workOf(message: Message, type: string = MESSAGE): MessageWork {
  return {
    ...{ face: 'qstash', type, input: message, callback: null, priority: 0, timeoutS: null, retention: null },
    correlation: message.labels.length === 0 ? null : message.labels.join(','),
    // What becomes of it waits for its turn, or its key; not this.
    flow:
      type === MESSAGE ? (message.queueName === null ? flowOf(message) : laneOf(message.queueName)) : null,
  };
}
