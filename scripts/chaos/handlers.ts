import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import {
  type OperationContext,
  OperationError,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from 'ringback';

/** The file in which the runs of all processes note when they begin and end. */
const NOTES = process.env['CHAOS_NOTES'];

export class NotedInput {
  /** Milliseconds that a run takes. */
  @IsInt()
  @Min(0)
  @Max(60_000)
  ms!: number;

  /** How many runs fail before one works. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(10)
  fails?: number;

  /** 1: it fails for good. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1)
  refused?: number;
}

async function run(input: NotedInput, context: OperationContext, once: boolean): Promise<OperationOutcome> {
  const { id, attempt, signal } = context;
  const note = (what: string): void => {
    if (NOTES !== undefined)
      appendFileSync(
        NOTES,
        `${what} ${process.pid} ${id} ${attempt} ${once ? 'once' : 'often'} ${Date.now()}\n`,
      );
  };
  note('start');
  try {
    context.progress(50, 'Half way');
    await delay(input.ms, undefined, { signal });
  } finally {
    note('end');
  }
  if (input.refused === 1) context.fail('chaos_refused', 'The load asked for it');
  if (attempt <= (input.fails ?? 0)) throw new OperationError('chaos_failed', 'The load asked for it', true);
  return { result: { pid: process.pid, attempt } };
}

@OperationType<NotedInput>({
  name: 'chaos.noted',
  title: 'Run, and note when',
  input: NotedInput,
  tries: 8,
  backoffS: [0.2],
  path: 'chaos/noted',
})
class NotedHandler implements OperationHandler<NotedInput> {
  run(input: NotedInput, context: OperationContext): Promise<OperationOutcome> {
    return run(input, context, false);
  }
}

@OperationType<NotedInput>({ name: 'chaos.once', title: 'Run once at most', input: NotedInput, tries: 1 })
class OnceHandler implements OperationHandler<NotedInput> {
  run(input: NotedInput, context: OperationContext): Promise<OperationOutcome> {
    return run(input, context, true);
  }
}

/** Operation types of the load. */
@Module({ providers: [NotedHandler, OnceHandler] })
export default class ChaosHandlers {}
