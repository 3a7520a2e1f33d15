import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { type OperationHandler, type OperationOutcome, OperationType } from 'ringback';

/** Takes its time, and tells which process ran it. */
@OperationType({ name: 'bench.who', title: 'Tell the process' })
class WhoHandler implements OperationHandler<{ ms: number }> {
  async run({ ms }: { ms: number }): Promise<OperationOutcome> {
    await delay(ms);
    return { result: { pid: process.pid } };
  }
}

/** Operation types of the processes that are measured together. */
@Module({ providers: [WhoHandler] })
export default class FleetHandlers {}
