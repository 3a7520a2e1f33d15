import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { Holder, NeedsScope } from '../../accounts/api-key.guard.js';
import { checkHeld, HeldKeys } from '../../accounts/held-keys.js';
import { HttpConfig, OperationConfig } from '../../config/config.js';
import { ApiExamples, ApiProblem } from '../../http/api-answers.js';
import { TakesBody } from '../../http/takes-body.js';
import { NoFields } from '../../http/validation.pipe.js';
import { SealedInputs } from '../../operations/accept/sealed-inputs.js';
import { OperationRefusedError } from '../../operations/operation.errors.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { OperationTypes } from '../../operations/run/operation-types.js';
import { RemoteWorkers } from '../../operations/work/remote-workers.js';
import { WorkClaims } from '../../operations/work/work-claims.js';
import { WorkService } from '../../operations/work/work.service.js';
import { gone } from '../acknowledge-sent.js';
import { actionOf, readAction, type WorkGiven } from './work-actions.js';
import {
  ClaimWorkRequest,
  CompleteWorkRequest,
  FailWorkRequest,
  RenewWorkRequest,
  WorkActionRequest,
  WorkBatchRequest,
} from './work.request.js';
import {
  ClaimedWorkResponse,
  ClaimWorkResponse,
  RenewedWorkResponse,
  SettledWorkResponse,
  WorkActionResponse,
  WorkBatchResponse,
} from './work.response.js';

const LOST = 'The lease is over: drop the work';

/** For workers outside of Ringback, in any language: they claim operations of declared types, and say how these went. */
@ApiTags('work')
@Controller('v1/work')
@NeedsScope('work')
export class WorkController {
  constructor(
    private readonly claims: WorkClaims,
    private readonly work: WorkService,
    private readonly workers: RemoteWorkers,
    private readonly types: OperationTypes,
    private readonly inputs: SealedInputs,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
    private readonly http: HttpConfig,
    private readonly config: OperationConfig,
  ) {}

  /**
   * Claims operations of declared types, those of the key's account, or with the scope `admin` those of all. They are Executing
   * then, each under a lease that is to be renewed; with `wait`, the answer is held until there is something to do.
   */
  @Post('claim')
  @HttpCode(200)
  @ApiOperation({ operationId: 'claimWork' })
  @ApiExamples(ClaimWorkRequest, {
    'Ten at the most': { types: ['report.build'], limit: 10, wait: 25, worker: 'host-17' },
  })
  async claim(
    @Holder() holder: KeyHolder,
    @Body() request: ClaimWorkRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClaimWorkResponse> {
    await this.checkTypes(request.types);
    const { types, limit = 1, wait = 0, lease_s: leaseS = this.config.leaseS } = request;
    const account = accountOf(holder);
    const name = request.worker ?? holder.keyName;
    const worker = this.workers.idOf(account, name);
    this.workers.asks({ id: worker, host: name, handlers: types, capacity: limit });
    const left = gone(reply);
    const isHeld = wait > 0 && this.waits.hold(holder.accountId, left);
    const held = isHeld ? this.keys.watch(holder.keyId, left) : left;
    const ask = { types, account, limit, leaseS, worker };
    const claims = await this.claims.claim(ask, isHeld ? wait * 1000 : 0, held);
    if (left.aborted) this.claims.giveBack(claims);
    else if (claims.length > 0)
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) this.claims.giveBack(claims);
      });
    else checkHeld(held);
    return {
      data: claims.map((claim) =>
        ClaimedWorkResponse.from(claim, leaseS, this.inputs.open(claim.operation), this.http.publicUrl),
      ),
    };
  }

  /** Does many things with many leases at once; one that is refused doesn't stop the others. */
  @Post('batch')
  @HttpCode(200)
  @TakesBody('batch')
  @ApiExtraModels(WorkActionRequest)
  @ApiOperation({ operationId: 'actOnWork' })
  @ApiExamples(WorkBatchRequest, {
    'Two leases': {
      actions: [
        { lease: 'lse_17_30_0123456789abcdef0123456789abcdef', action: 'renew', progress: 40 },
        { lease: 'lse_18_30_0123456789abcdef0123456789abcdef', action: 'complete', result: { pages: 3 } },
      ],
    },
  })
  async batch(
    @Holder() holder: KeyHolder,
    @Body() { actions }: WorkBatchRequest,
  ): Promise<WorkBatchResponse> {
    const given = await Promise.all(actions.map((action) => readAction(action)));
    const done = await this.work.act(
      given.filter((one): one is WorkGiven => !(one instanceof Error)),
      accountOf(holder),
    );
    return {
      data: given.map((one) => WorkActionResponse.from(one instanceof Error ? one : done.shift()!)),
    };
  }

  /** Keeps a lease, and tells how far the operation has come. To be called three times a lease. */
  @Post(':lease/renew')
  @HttpCode(200)
  @ApiOperation({ operationId: 'renewWork' })
  @ApiProblem(409, LOST)
  @ApiExamples(
    RenewWorkRequest,
    { Progress: { progress: 40, text: 'Page 4 of 10' }, 'Nothing new': {} },
    { required: false },
  )
  async renew(
    @Holder() holder: KeyHolder,
    @Param('lease') lease: string,
    @Body() request: RenewWorkRequest,
  ): Promise<RenewedWorkResponse> {
    return RenewedWorkResponse.from(await this.one(holder, actionOf(lease, 'renew', request)));
  }

  /** Ends the operation as Finished, and owes its callback, in one commit. */
  @Post(':lease/complete')
  @HttpCode(200)
  @ApiOperation({ operationId: 'completeWork' })
  @ApiProblem(409, LOST)
  @ApiExamples(CompleteWorkRequest, { 'A result': { result: { pages: 3 } } }, { required: false })
  async complete(
    @Holder() holder: KeyHolder,
    @Param('lease') lease: string,
    @Body() request: CompleteWorkRequest,
  ): Promise<SettledWorkResponse> {
    return SettledWorkResponse.from(await this.one(holder, actionOf(lease, 'complete', request)));
  }

  /** Ends the run as failed: the operation is tried again, or has Failed, as its type and `retry` say. */
  @Post(':lease/fail')
  @HttpCode(200)
  @ApiOperation({ operationId: 'failWork' })
  @ApiProblem(409, LOST)
  @ApiExamples(FailWorkRequest, {
    'For good': { code: 'no_such_report', message: 'there is no report 17' },
    'To be tried again': { code: 'source_unreachable', message: 'the source did not answer', retry: true },
  })
  async fail(
    @Holder() holder: KeyHolder,
    @Param('lease') lease: string,
    @Body() request: FailWorkRequest,
  ): Promise<SettledWorkResponse> {
    return SettledWorkResponse.from(await this.one(holder, actionOf(lease, 'fail', request)));
  }

  /** Gives the operation back, undone: it waits again at once, and the try isn't used up. */
  @Post(':lease/release')
  @HttpCode(200)
  @ApiOperation({ operationId: 'releaseWork' })
  @ApiProblem(409, LOST)
  async release(
    @NoFields() _body: unknown,
    @Holder() holder: KeyHolder,
    @Param('lease') lease: string,
  ): Promise<SettledWorkResponse> {
    return SettledWorkResponse.from(await this.one(holder, actionOf(lease, 'release', {})));
  }

  private async one(holder: KeyHolder, given: WorkGiven) {
    const [done] = await this.work.act([given], accountOf(holder));
    if (done instanceof Error) throw done;
    return done!;
  }

  private async checkTypes(names: readonly string[]): Promise<void> {
    const types = await Promise.all(names.map((name) => this.types.find(name)));
    const errors = names.flatMap((name, place) => {
      const type = types[place];
      if (type?.declared) return [];
      const message = type
        ? `"${name}" is run by a handler of this service`
        : `"${name}" is no declared type: PUT /v1/operation-types/${name} declares it`;
      return [{ path: `types.${place}`, message }];
    });
    if (errors.length > 0) throw new OperationRefusedError('unknown-operation-type', errors);
  }
}

/** Whose operations the holder of a key may work on; null: everybody's. */
function accountOf({ accountId, scopes }: KeyHolder): string | null {
  return scopes.includes('admin') ? null : accountId;
}
