import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { GatewayConfig } from '../config/config.js';
import { CallbackPresenters } from '../operations/end/callback-presenters.js';
import { OperationsModule } from '../operations/operations.module.js';
import { bgrsRequest } from './bgrs.response.js';
import { UpstreamInputs } from './upstream-input.js';
import { UpstreamInputsModule } from './upstream.module.js';

@Injectable()
class BgrsPresenter implements OnModuleInit {
  constructor(
    private readonly presenters: CallbackPresenters,
    private readonly inputs: UpstreamInputs,
    private readonly config: GatewayConfig,
  ) {}

  onModuleInit(): void {
    this.presenters.register('bgrs', (operation) => ({
      whole: JSON.stringify(bgrsRequest(operation, this.inputs.nameOf(operation), this.config.types)),
    }));
  }
}

/** Lets any process that ends operations speak the bgrs dialect in callbacks. */
@Module({ imports: [OperationsModule, UpstreamInputsModule], providers: [BgrsPresenter] })
export class BgrsPresenterModule {}
