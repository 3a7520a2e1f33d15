import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { GatewayConfig } from '../config/config.js';
import { CallbackPresenters } from '../operations/callback-presenters.js';
import { OperationsModule } from '../operations/operations.module.js';
import { bgrsRequest } from './bgrs.response.js';

@Injectable()
class BgrsPresenter implements OnModuleInit {
  constructor(
    private readonly presenters: CallbackPresenters,
    private readonly config: GatewayConfig,
  ) {}

  onModuleInit(): void {
    this.presenters.register('bgrs', (operation) => ({
      whole: JSON.stringify(bgrsRequest(operation, this.config.types)),
    }));
  }
}

/** Lets any process that ends operations speak the bgrs dialect in callbacks. */
@Module({ imports: [OperationsModule], providers: [BgrsPresenter] })
export class BgrsPresenterModule {}
