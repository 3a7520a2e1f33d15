import { applyDecorators, Injectable, SetMetadata, type Type } from '@nestjs/common';
import type { FieldError } from '../../config/validation.js';
import type { CompletionOptions } from '../await/completion-offers.js';
import type { OperationContext } from './operation-context.js';

/** How an operation type is named, checked and retried. */
export interface OperationTypeOptions<Input extends object = object> {
  /** The name callers submit: dotted lower case, `segments.export`. */
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** A class-validator class that the input must pass; without one, any JSON is taken as it is. */
  readonly input?: Type<Input>;
  /**
   * How often the operation may be tried, first try included; 3 by default. With 1 it is never run again by itself, not
   * even when its worker dies or shuts down.
   */
  readonly tries?: number | ((input: Input) => number);
  /**
   * Seconds before try 2, 3, …; the last one repeats. Or a function of the try that failed, 1 for the first. 1 and 4 by
   * default. Up to 20 % are added, so that what failed together doesn't return together.
   */
  readonly backoffS?: readonly number[] | ((attempt: number) => number);
  /** Error codes that another try may mend, also where the error itself says no; `timeout` is one. None by default. */
  readonly retryOn?: readonly string[];
  /** Error codes that no other try mends; `handler_error` is what errors without a code have. None by default. */
  readonly noRetryOn?: readonly string[];
  /** Seconds a run may take before it fails with `timeout`; 3600 by default. A caller may ask for less. */
  readonly timeoutS?: number | ((input: Input) => number);
  /** The most that a caller may ask for; where `timeoutS` is a number, that by default. */
  readonly maxTimeoutS?: number;
  /** Route of the trm face, below `/api/`: `resources/segments/view/export`. A `{name}` in it becomes a field of the input. */
  readonly path?: string;
  /**
   * Milliseconds (at most 60,000) that the answer to a submit is held for the end, in the native and the trm face, where the
   * caller doesn't say; 0, the default, is never.
   */
  readonly inlineMs?: number;
  /** Submitted by Ringback's own faces only: no caller can name it, and no list shows it. */
  readonly internal?: boolean;
  /**
   * Keeps no slot of its account while it waits for a completion; it takes one while its handler runs. For what waits long and in
   * great numbers.
   */
  readonly slotless?: boolean;
  /** Takes no slot and no place of a worker, and waits for none: for what does little itself, and is to run while all else waits. */
  readonly apart?: boolean;
}

/** What a handler gives back when it is done. All of it is optional. */
export interface OperationOutcome {
  /** JSON, at most 1 MiB; larger results belong into a file. */
  readonly result?: unknown;
  /** JSON, at most 1 MiB: what a caller needs to go on, such as `{ fileref, filename }`. */
  readonly custom?: unknown;
  /** Id of a file that `context.saveFile` stored: what `GET …/result` serves. */
  readonly file?: string;
  /** Last line shown to people; `Finished` by default. */
  readonly statusText?: string;
}

/** The code that runs operations of a type. Mark the class with `@OperationType`. */
export interface OperationHandler<Input = unknown> {
  run(input: Input, context: OperationContext): Promise<OperationOutcome | void>;
  /** What the input class cannot say: faults found here refuse the operation at submit. Paths begin with `input.`. */
  check?(input: Input): readonly FieldError[] | Promise<readonly FieldError[]>;
  /**
   * The URL that a run will call, where the caller names it, or all of them: their hosts count among those that an account may
   * bring up a minute, as those of callbacks do.
   */
  calls?(input: Input): string | readonly string[];
  /**
   * What of an input is stored sealed, as callback headers are, and what is not; together they are the input. `bodies`: the
   * operator wants bodies sealed too. Without it, all of the input is stored as it is.
   */
  conceal?(input: object, bodies: boolean): { readonly shown: object; readonly sealed: object };
  /**
   * Operations of this type are given a completion URL with the answer to their submit: what its token is good for. The handler
   * then needs to make none, and returns `context.untilCompleted()`.
   */
  completion?(input: Input): CompletionOptions;
  /** Why nobody may submit this type here; null, or not there: everybody may. */
  readonly disabled?: string | null;
}

/** Metadata key of `@OperationType`. */
export const OPERATION_TYPE = 'ringback:operation-type';

/** Makes a provider the handler of an operation type. */
export function OperationType<Input extends object>(options: OperationTypeOptions<Input>): ClassDecorator {
  return applyDecorators(Injectable(), SetMetadata(OPERATION_TYPE, options));
}
