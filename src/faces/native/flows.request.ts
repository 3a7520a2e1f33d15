import { PickType } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, Length } from 'class-validator';
import { Problem } from '../../http/problem.js';
import { checkFlow, wholeFlow } from '../../operations/flow/flow.js';
import type { FlowChanges } from '../../operations/flow/flow.store.js';
import { FLOW_KEY, FlowLimitsRequest, WRONG_FLOW_KEY } from './flow.request.js';
import { PageQuery } from './operation.request.js';

/** What holds for a key in place of what is submitted; what isn't given is as submitted. */
export class ChangeFlowRequest extends FlowLimitsRequest {
  /** `true`: none of them starts until this is said to be otherwise. */
  @IsOptional()
  @IsBoolean()
  paused?: boolean | null;
}

export class ListFlowsQuery extends PickType(PageQuery, ['limit'] as const) {
  /** `next_cursor` of the page before. */
  @IsOptional()
  @IsString()
  @Length(1, 4_000)
  cursor?: string;
}

/** What a request makes of a flow key; a `Problem` where it makes no sense. */
export function changesOf({ parallelism, rate, period_s, paused }: ChangeFlowRequest): FlowChanges {
  const flow = wholeFlow({
    key: '',
    parallelism: parallelism ?? null,
    rate: rate ?? null,
    periodS: period_s ?? null,
    standing: true,
  });
  const errors = checkFlow(flow).map(({ path, message }) => ({
    path: path.replace('flow.', ''),
    message: message.replace('flow.', ''),
  }));
  const [first] = errors;
  if (first) throw new Problem(422, 'invalid-request', `${first.path} ${first.message}`, { errors });
  return {
    pinnedParallelism: flow.parallelism,
    pinnedRate: flow.rate === null ? null : { rate: flow.rate, periodS: flow.periodS! },
    paused: paused ?? false,
  };
}

/** A flow key of a path; a `Problem` where no operation could have it. */
export function checkedKey(key: string): string {
  if (key.length <= 200 && FLOW_KEY.test(key)) return key;
  throw new Problem(422, 'invalid-request', WRONG_FLOW_KEY, {
    errors: [{ path: 'key', message: WRONG_FLOW_KEY }],
  });
}
