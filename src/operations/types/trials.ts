import { setTimeout as delay } from 'node:timers/promises';
import { IsNumber, Max, Min } from 'class-validator';
import type { OperationContext } from '../run/operation-context.js';
import { type OperationHandler, type OperationOutcome, OperationType } from '../run/operation-type.js';

/** Gives its input back: for trying callbacks out. */
@OperationType({ name: 'echo', title: 'Give the input back' })
export class EchoHandler implements OperationHandler {
  run(input: unknown): Promise<OperationOutcome> {
    return Promise.resolve({ result: input });
  }
}

export class SleepInput {
  /** How long to run; fractions allowed. */
  @IsNumber()
  @Min(0)
  @Max(86_400)
  seconds: number;
}

/** Runs for a while and shows progress: for trying polling and canceling out. */
@OperationType<SleepInput>({
  name: 'sleep',
  title: 'Do nothing for some seconds',
  input: SleepInput,
  timeoutS: 90_000,
})
export class SleepHandler implements OperationHandler<SleepInput> {
  async run({ seconds }: SleepInput, context: OperationContext): Promise<OperationOutcome> {
    const steps = Math.max(1, Math.min(20, Math.ceil(seconds)));
    for (let step = 1; step <= steps; step++) {
      await delay((seconds * 1000) / steps, undefined, { signal: context.signal });
      context.progress((100 * step) / steps, `Slept ${step} of ${steps} naps`);
    }
    return { result: { slept_s: seconds } };
  }
}
