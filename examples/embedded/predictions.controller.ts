import { Body, Controller, Get, Headers, HttpCode, Param, Post } from '@nestjs/common';
import { type Operation, Operations, type OperationStatus } from 'ringback';

/** The words of Replicate's HTTP API for Ringback's states. https://replicate.com/docs/reference/http */
const STATUS = {
  Waiting: 'starting',
  Executing: 'processing',
  Finished: 'succeeded',
  Failed: 'failed',
  Canceled: 'canceled',
} as const satisfies Record<OperationStatus, string>;

/** Another wire dialect of the host's own: enough of Replicate's API for its npm client, unmodified. */
@Controller()
export class PredictionsController {
  constructor(private readonly operations: Operations) {}

  /** The model `acme/words` is the operation type `acme.words`. */
  @Post('models/:owner/:model/predictions')
  async create(
    @Param('owner') owner: string,
    @Param('model') model: string,
    @Body() body: { input?: unknown; webhook?: string },
    @Headers('prefer') prefer = '',
  ): Promise<object> {
    const operation = await this.operations.submit({
      type: `${owner}.${model}`,
      input: body.input,
      ...(body.webhook === undefined ? {} : { callback: { url: body.webhook } }),
      correlation: `${owner}/${model}`,
    });
    const [, wait, seconds] = /^(wait)(?:=(\d+))?$/.exec(prefer) ?? [];
    if (wait === undefined) return toPrediction(operation);
    return toPrediction(await this.operations.wait(operation.id, { timeoutS: Number(seconds ?? 60) }));
  }

  @Get('predictions/:id')
  async read(@Param('id') id: string): Promise<object> {
    return toPrediction(await this.operations.find(id));
  }

  @Post('predictions/:id/cancel')
  @HttpCode(200)
  async cancel(@Param('id') id: string): Promise<object> {
    return toPrediction(await this.operations.cancel(id));
  }
}

function toPrediction(operation: Operation): object {
  return {
    id: operation.id,
    model: operation.correlation,
    status: STATUS[operation.status],
    output: operation.result,
    error: operation.error?.message ?? null,
    logs: operation.status_text,
    created_at: operation.created_at,
    started_at: operation.started_at,
    completed_at: operation.finished_at,
  };
}
