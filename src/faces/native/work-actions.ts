import { checkJsonShape } from '../../http/json-shape.js';
import { refuseFields, RequestValidationPipe } from '../../http/validation.pipe.js';
import { leaseNamed, type WorkLease } from '../../operations/work/lease.js';
import type { WorkAction } from '../../operations/work/work.service.js';
import { CompleteWorkRequest, FailWorkRequest, RenewWorkRequest, WorkLeaseRequest } from './work.request.js';

/** A lease, where its name is one, and what is done with it. */
export interface WorkGiven {
  readonly lease: WorkLease | null;
  readonly does: WorkAction;
}

const validation = new RequestValidationPipe();
const REQUESTS = {
  renew: RenewWorkRequest,
  complete: CompleteWorkRequest,
  fail: FailWorkRequest,
} as const;

type Requests = { [Action in keyof typeof REQUESTS]: InstanceType<(typeof REQUESTS)[Action]> } & {
  release: object;
};

/** What the route of an action was given. */
export function actionOf<Action extends keyof Requests>(
  lease: string,
  action: Action,
  request: Requests[Action],
): WorkGiven {
  return { lease: leaseNamed(lease), does: ACTIONS[action](request as never) };
}

/** An action of a batch, which nobody has judged yet; an error is an answer to it alone. */
export async function readAction(given: unknown): Promise<WorkGiven | Error> {
  try {
    checkJsonShape(given);
    const { lease, action, ...fields }: Record<string, unknown> = isRecord(given) ? given : {};
    const head = isRecord(given) ? { lease, action } : given;
    const named = (await validation.transform(head, {
      type: 'body',
      metatype: WorkLeaseRequest,
    })) as WorkLeaseRequest;
    if (named.action === 'release') return actionOf(named.lease, 'release', refuseFields(fields) ?? {});
    const metatype = REQUESTS[named.action];
    const request = (await validation.transform(fields, { type: 'body', metatype })) as never;
    return actionOf(named.lease, named.action, request);
  } catch (error) {
    return error as Error;
  }
}

const ACTIONS: { [Action in keyof Requests]: (request: Requests[Action]) => WorkAction } = {
  renew: ({ progress, text, log }) => ({
    action: 'renew',
    progress: progress ?? null,
    text: text ?? null,
    log: log ?? [],
  }),
  complete: ({ result, custom, file, text }) => ({
    action: 'complete',
    result,
    custom,
    file: file === undefined || file === null ? null : `file_${file.slice(-32)}`,
    text: text ?? null,
  }),
  fail: ({ code, message, retry }) => ({ action: 'fail', code, message, retry: retry ?? false }),
  release: () => ({ action: 'release' }),
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
