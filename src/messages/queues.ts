import { Injectable } from '@nestjs/common';
import type { Flow } from '../operations/flow/flow.js';
import { FlowStore } from '../operations/flow/flow.store.js';
import { queueKey, QueueStore, type QueueView } from './queue.store.js';

/** Why nothing becomes of what is asked of a queue. */
export class QueueError extends Error {
  override readonly name = 'QueueError';

  constructor(
    readonly code: 'not-found' | 'too-many',
    message: string,
  ) {
    super(message);
  }
}

/** Queues of an account. */
const MOST_QUEUES = 1_000;

/** What a message of a queue waits for: its turn, which it keeps until it has ended. */
export function laneOf(queue: string): Flow {
  return {
    ...{ key: queueKey(queue), parallelism: 1, rate: null, periodS: null },
    ordered: true,
    // What the queue was set up with stands.
    standing: true,
  };
}

/** What accounts can do with their queues. */
@Injectable()
export class Queues {
  constructor(
    private readonly store: QueueStore,
    private readonly flows: FlowStore,
  ) {}

  async find(accountId: string, name: string): Promise<QueueView> {
    const queue = await this.store.find(accountId, name);
    if (queue) return queue;
    throw notFound(name);
  }

  list(accountId: string): Promise<QueueView[]> {
    return this.store.list(accountId);
  }

  /** Makes a queue, or changes it; where `paused` isn't given, it stays as it is. */
  async set(
    accountId: string,
    name: string,
    { parallelism, paused }: { readonly parallelism: number; readonly paused?: boolean | undefined },
    onlyNew = false,
  ): Promise<void> {
    const isNew = !(await this.store.exists(accountId, name));
    if (isNew && (await this.store.count(accountId)) >= MOST_QUEUES)
      throw new QueueError('too-many', `this account has its ${MOST_QUEUES} queues: delete one`);
    const limits = { parallelism, rate: null, periodS: null };
    await this.flows.change(accountId, queueKey(name), {
      ...{ limits, ordered: true, onlyNew },
      ...(paused === undefined ? {} : { paused }),
    });
  }

  /** Makes it where there is none: what somebody sets up meanwhile stands. */
  async open(accountId: string, name: string): Promise<void> {
    if (!(await this.store.exists(accountId, name)))
      await this.set(accountId, name, { parallelism: 1 }, true);
  }

  async pause(accountId: string, name: string, paused: boolean): Promise<void> {
    if (!(await this.store.exists(accountId, name))) throw notFound(name);
    await this.flows.change(accountId, queueKey(name), { paused });
  }

  /** May be repeated: false where there is none. What it has goes on in order. */
  remove(accountId: string, name: string): Promise<boolean> {
    return this.flows.reset(accountId, queueKey(name));
  }
}

function notFound(name: string): QueueError {
  return new QueueError('not-found', `there is no queue ${name.slice(0, 100)}`);
}
