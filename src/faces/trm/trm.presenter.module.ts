import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { TrmConfig } from '../../config/config.js';
import { CallbackPresenters } from '../../operations/end/callback-presenters.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { TrmEnvelope } from './trm-envelope.response.js';

@Injectable()
class TrmPresenter implements OnModuleInit {
  constructor(
    private readonly presenters: CallbackPresenters,
    private readonly config: TrmConfig,
  ) {}

  onModuleInit(): void {
    this.presenters.register('trm', (operation) => ({
      whole: JSON.stringify(TrmEnvelope.from(operation, this.config.zeroId)),
    }));
  }
}

/** Lets any process that ends operations speak the trm dialect in callbacks. */
@Module({ imports: [OperationsModule], providers: [TrmPresenter] })
export class TrmPresenterModule {}
