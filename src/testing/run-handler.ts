import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import type { FieldError } from '../config/validation.js';
import { OperationRefusedError } from '../operations/operation.errors.js';
import {
  OPERATION_TYPE,
  type OperationHandler,
  type OperationTypeOptions,
} from '../operations/run/operation-type.js';
import { checkInput } from '../operations/run/operation-types.js';
import { Suspension } from '../operations/await/suspension.js';
import { RunAborted } from '../operations/run/operation-run.js';
import { failureOf, finished } from '../operations/run/run-ending.js';
import { type GivenFile, type KeptFile, TestContext } from './test-context.js';

export interface RunHandlerOptions {
  /** Files that the handler may open, by the ids that the input names. */
  readonly files?: Readonly<Record<string, GivenFile>>;
  /** Milliseconds after which the operation is canceled and the handler's signal fires; 0 before it begins. */
  readonly cancelAfter?: number;
  /** Milliseconds that it then has to stop in; 5000 by default, as RINGBACK_CANCEL_GRACE_S. */
  readonly cancelGrace?: number;
  /** Which try it is, 1 by default. */
  readonly attempt?: number;
}

/** How the operation would stand after this run. */
export type RanOutcome =
  | {
      readonly status: 'Finished';
      /** As JSON gives it back; `any`, so that a test reads a field without a cast. */
      readonly result: any;
      readonly custom: any;
      /** Id of a stored file. */
      readonly file: string | null;
      readonly status_text: string;
    }
  /** `retry`: whether the error lets another try follow where the type has one left and its options don't say otherwise. */
  | { readonly status: 'Failed'; readonly error: { code: string; message: string }; readonly retry: boolean }
  | { readonly status: 'Canceled' }
  /** It waits for a completion: it returned `context.untilCompleted()`. */
  | { readonly status: 'Executing' }
  /** The input is not what the type takes: a submit would be answered 422 with these errors. */
  | { readonly status: 'Refused'; readonly errors: readonly FieldError[] };

export interface Ran {
  readonly outcome: RanOutcome;
  /** Every step that the handler told, in order; the service may make one of several. */
  readonly progress: readonly { readonly percent: number; readonly text: string | null }[];
  /** What it stored, in order. */
  readonly files: readonly KeptFile[];
  /** What it logged. */
  readonly lines: readonly string[];
}

/**
 * Runs a handler once, as a worker would: the input is made JSON and checked, the run may be canceled, and what comes of it is
 * judged. `Handler` is its class, made without arguments, or an instance where it needs some.
 */
export async function runHandler(
  Handler: Type<OperationHandler<any>> | OperationHandler<any>,
  input: unknown,
  { files = {}, cancelAfter, cancelGrace = 5_000, attempt = 1 }: RunHandlerOptions = {},
): Promise<Ran> {
  const handler = typeof Handler === 'function' ? new Handler() : Handler;
  const options = optionsOf(handler);
  const controller = new AbortController();
  const context = new TestContext(attempt, controller.signal, files);
  const cancel = (): void => controller.abort(new RunAborted('canceled'));
  if (cancelAfter === 0) cancel();
  const timer = cancelAfter ? setTimeout(cancel, cancelAfter) : undefined;
  const outcome = await judged(
    async () => {
      const text = JSON.stringify(input);
      const given: unknown = text === undefined ? null : JSON.parse(text);
      const type = { name: options.name, input: options.input ?? null, handler };
      return handler.run(await checkInput(type, given), context);
    },
    controller.signal,
    cancelGrace,
  );
  clearTimeout(timer);
  return { outcome, progress: context.told, files: context.kept, lines: context.lines };
}

function optionsOf(handler: OperationHandler): OperationTypeOptions {
  const options = Reflect.getMetadata(OPERATION_TYPE, handler.constructor) as
    OperationTypeOptions | undefined;
  if (options) return options;
  throw new TypeError(`${handler.constructor.name} is no operation handler: mark it with @OperationType`);
}

async function judged(
  run: () => ReturnType<OperationHandler['run']>,
  signal: AbortSignal,
  graceMs: number,
): Promise<RanOutcome> {
  let grace: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    const fire = (): void => {
      grace = setTimeout(() => reject(signal.reason as RunAborted), graceMs);
    };
    if (signal.aborted) fire();
    else signal.addEventListener('abort', fire, { once: true });
  });
  try {
    const outcome = await Promise.race([run(), overdue]);
    if (outcome === undefined && signal.aborted) return { status: 'Canceled' };
    if (outcome instanceof Suspension) return { status: 'Executing' };
    const { result, custom, fileId, statusText } = finished(outcome ?? {});
    return {
      status: 'Finished',
      result: parsed(result),
      custom: parsed(custom),
      file: fileId,
      status_text: statusText,
    };
  } catch (error) {
    if (error instanceof OperationRefusedError) return { status: 'Refused', errors: error.errors };
    if (signal.aborted) return { status: 'Canceled' };
    const { code, message, retry } = failureOf(error);
    return { status: 'Failed', error: { code, message }, retry };
  } finally {
    clearTimeout(grace);
  }
}

function parsed(json: string | null): unknown {
  return json === null ? null : JSON.parse(json);
}
