import { Type } from 'class-transformer';
import {
  IsIn,
  IsNumber,
  IsOptional,
  IsPositive,
  IsString,
  Length,
  Max,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import type { FieldError } from '../../config/validation.js';
import { signerFault, WEBHOOK_PROFILES, type WebhookProfile } from '../../signing/received-webhook.js';
import type { CompletionOptions } from '../await/completion-offers.js';
import type { OperationContext } from '../run/operation-context.js';
import { type OperationHandler, type OperationOutcome, OperationType } from '../run/operation-type.js';

/** A year, whichever it is. */
const MAX_S = 366 * 86_400;
const DEFAULT_S = 86_400;

export class ExternalVerify {
  /** Who signs: `standard` is Standard Webhooks, and `replicate` the same. */
  @IsIn(WEBHOOK_PROFILES)
  profile: WebhookProfile;

  /** The sender's secret, as it shows it. Stored encrypted, never shown. */
  @IsString()
  @Length(1, 512)
  secret: string;
}

export class ExternalInput {
  /** Seconds, from when it may start, until it fails with `timeout`; a day, unless given. Fractions allowed. */
  @IsOptional()
  @IsNumber()
  @IsPositive()
  @Max(MAX_S)
  timeout_s?: number;

  /** What it waits for, for people: its status text. */
  @IsOptional()
  @IsString()
  @MaxLength(1_000)
  note?: string;

  /** Only webhooks that are signed so end it. */
  @IsOptional()
  @ValidateNested()
  @Type(() => ExternalVerify)
  verify?: ExternalVerify;
}

/** Is done by somebody else altogether: whoever has the `completion_url` of its submit's answer ends it. */
@OperationType<ExternalInput>({
  name: 'external',
  title: 'Wait until somebody else has done it',
  input: ExternalInput,
  // A run does nothing but wait: it may be made again as often as its workers die.
  tries: 100,
  timeoutS: MAX_S,
})
export class ExternalHandler implements OperationHandler<ExternalInput> {
  check({ verify }: ExternalInput): FieldError[] {
    const fault = verify ? signerFault(verify) : null;
    return fault === null ? [] : [{ path: 'input.verify.secret', message: fault }];
  }

  completion({ timeout_s, verify }: ExternalInput): CompletionOptions {
    return { timeoutS: timeout_s ?? DEFAULT_S, ...(verify ? { verify } : {}) };
  }

  conceal(input: object): { shown: object; sealed: object } {
    const { verify, ...shown } = input as ExternalInput;
    return verify
      ? { shown: { ...shown, verify: { profile: verify.profile } }, sealed: { verify } }
      : { shown, sealed: {} };
  }

  async run({ note }: ExternalInput, context: OperationContext): Promise<OperationOutcome> {
    context.progress(0, note ?? 'Waits for its completion');
    return context.untilCompleted();
  }
}
