import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import type { FieldError } from '../../config/validation.js';
import { randomId } from '../../database/random-id.js';
import { CallbackHosts } from '../../egress/callback-hosts.js';
import { checkHeaders } from '../../egress/header-rules.js';
import { UrlPolicy } from '../../egress/url-policy.js';
import { filesNamed } from '../../files/files.service.js';
import { SecretBox, type SecretPlace } from '../../signing/secret-box.js';
import { openDestination, sealDestination } from '../../signing/sealed-destination.js';
import { CompletionOffers } from '../await/completion-offers.js';
import { flowAgain, wholeFlow } from '../flow/flow.js';
import type { Face, OperationEntity } from '../operation.entity.js';
import { OperationRefusedError } from '../operation.errors.js';
import type { NewOperation } from '../operation-rows.js';
import { OperationTypes, type RegisteredType } from '../run/operation-types.js';
import { SealedInputs } from './sealed-inputs.js';
import { checkOptions } from './submission-checks.js';
import { fingerprintOf, type Submission } from './submission.js';

/** Faces that submit types of their own, which no caller can name. */
const OWN_FACES: ReadonlySet<Face> = new Set(['bgrs', 'qstash']);
/** How long an answer that tells an end may take to go out, before the callback goes out as well. */
const ANSWER_MS = 5_000;

/** Judges what is submitted, and makes the rows of it; refusals are `OperationRefusedError`s. */
@Injectable()
export class SubmissionRows {
  constructor(
    private readonly types: OperationTypes,
    private readonly policy: UrlPolicy,
    private readonly hosts: CallbackHosts,
    private readonly box: SecretBox,
    private readonly inputs: SealedInputs,
    private readonly offers: CompletionOffers,
    private readonly config: OperationConfig,
  ) {}

  /** The row of a submission whose input its type has judged. */
  judged(submission: Submission): Promise<NewOperation> {
    return this.row(submission, this.types.check.bind(this.types));
  }

  /** The same without the type's judgement: for what is to be kept as Failed, or judged by its worker. */
  unjudged(submission: Submission): Promise<NewOperation> {
    return this.row(submission, null);
  }

  /** What was submitted, to be submitted once more. */
  again(operation: OperationEntity): Submission {
    const { accountId, rid, callbackUrl: url, callbackHeaders: sealed } = operation;
    const place: SecretPlace = { account: accountId, row: rid, column: 'callback_headers' };
    return {
      accountId,
      face: operation.face,
      type: operation.type,
      input: operation.input === null ? undefined : this.inputs.open(operation),
      callback:
        url === null
          ? null
          : { ...openDestination(this.box, { url, sealed }, place), thinOver: operation.callbackThinOver },
      correlation: operation.correlation,
      priority: operation.priority,
      runAt: null,
      // The type may have allowed more then.
      timeoutS: Math.min(operation.timeoutS, this.types.get(operation.type)?.maxTimeoutS ?? Infinity),
      retention: operation.retention,
      ackByPoll: operation.ackByPoll,
      flow: flowAgain(operation.flow),
      rerunOf: rid,
      traceparent: null,
      idempotency: null,
    };
  }

  /** The row, or an `OperationRefusedError`; `check` judges the input, where it is to be judged. */
  private async row(given: Submission, check: OperationTypes['check'] | null): Promise<NewOperation> {
    const rid = randomId();
    const type = await this.type(given);
    const submission = (await this.takesEmpty(type, given, check)) ? { ...given, input: {} } : given;
    const callbackUrl = this.callbackUrl(submission.callback);
    const errors = [
      ...this.checkCallbackHeaders(submission.callback),
      ...checkOptions(submission, type, [...this.config.retention.keys()]),
    ];
    if (errors.length > 0) throw new OperationRefusedError('invalid-request', errors);
    const checked = check && (await check(type, submission.input));
    const tries = check ? type.tries(checked) : 1;
    const timeoutS = submission.timeoutS ?? (check ? type.timeoutS(checked) : type.maxTimeoutS);
    const completion = check ? type.handler.completion?.(checked) : undefined;
    const called = check ? type.handler.calls?.(checked) : undefined;
    if (callbackUrl !== null) await this.admitHost(submission.accountId, callbackUrl, 'callback.url');
    for (const url of called === undefined ? [] : [called].flat())
      await this.admitHost(submission.accountId, url, 'input.url');
    const { callback, accountId, idempotency, silentMs = null } = submission;
    const place: SecretPlace = { account: accountId, row: rid, column: 'callback_headers' };
    const headers = callback?.headers ?? [];
    const destination =
      callbackUrl === null ? null : sealDestination(this.box, { url: callbackUrl, headers }, place);
    const input = submission.input === undefined ? null : JSON.stringify(submission.input);
    return {
      rid,
      accountId,
      face: submission.face,
      type: type.name,
      declared: type.declared !== null,
      input: input && this.inputs.seal(type, { accountId, rid }, input),
      files: input === null ? [] : filesNamed(input),
      callbackUrl: destination?.url ?? null,
      callbackHeaders: destination?.sealed ?? null,
      callbackThinOver: callback?.thinOver ?? null,
      correlation: submission.correlation,
      priority: submission.priority,
      retention: submission.retention ?? 'keep1m',
      tries,
      timeoutS,
      runAt: submission.runAt,
      rerunOf: submission.rerunOf ?? null,
      silentS: silentMs === null ? null : (silentMs + ANSWER_MS) / 1000,
      traceparent: submission.traceparent,
      ackByPoll: submission.ackByPoll ?? this.config.ackByPoll,
      completion: completion ? this.offers.accept(completion, { accountId, rid, timeoutS }) : null,
      scheduleId: submission.schedule?.id ?? null,
      tick: submission.schedule?.tick ?? null,
      flow: submission.flow ? wholeFlow(submission.flow) : null,
      idempotency: idempotency && {
        key: idempotency.key,
        fingerprint: fingerprintOf(idempotency.body),
        keptS: idempotency.keptS,
      },
    };
  }

  /** Whether no input is as good as an empty one. */
  private async takesEmpty(
    type: RegisteredType,
    { input }: Submission,
    check: OperationTypes['check'] | null,
  ): Promise<boolean> {
    if (input !== undefined || type.input === null || check === null) return false;
    return check(type, {}).then(
      () => true,
      (error: unknown) => {
        if (error instanceof OperationRefusedError) return false;
        throw error;
      },
    );
  }

  private async type({ type: name, face, own }: Submission): Promise<RegisteredType> {
    const type = await this.types.find(name);
    if (type?.handler.disabled)
      throw new OperationRefusedError('type-disabled', [{ path: 'type', message: type.handler.disabled }]);
    if (type && (!type.internal || OWN_FACES.has(face) || own)) return type;
    const shown = `"${name.slice(0, 100)}"`;
    const message = type
      ? `${shown} is Ringback's own: nobody submits it, or runs it again`
      : `${shown} is no operation type: GET /v1/operation-types lists them`;
    throw new OperationRefusedError('unknown-operation-type', [{ path: 'type', message }]);
  }

  /** The URL as it will be called; a destination that the policy refuses is refused here. */
  private callbackUrl(callback: Submission['callback']): string | null {
    if (!callback) return null;
    const checked = this.policy.check(callback.url);
    if (checked.accepted) return checked.href;
    throw new OperationRefusedError(checked.code, [{ path: 'callback.url', message: checked.reason }]);
  }

  /** Last of the checks: what is refused for another reason uses nothing up. */
  private async admitHost(accountId: string, url: string, path: string): Promise<void> {
    const retryAfterS = await this.hosts.admit(accountId, url);
    if (retryAfterS === null) return;
    const message = `names one host too many: this account has brought up as many new ones as it may in a minute; try again in ${retryAfterS} s`;
    throw new OperationRefusedError('too-many-new-hosts', [{ path, message }], retryAfterS);
  }

  private checkCallbackHeaders(callback: Submission['callback']): FieldError[] {
    return checkHeaders(callback?.headers ?? []).map(({ path, message }) => ({
      path: `callback.${path.replace(/\[(\d+)\]/g, '.$1')}`,
      message,
    }));
  }
}
