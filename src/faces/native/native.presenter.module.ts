import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { HttpConfig } from '../../config/config.js';
import { CallbackPresenters } from '../../operations/end/callback-presenters.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { nativeCallbackBodies } from './operation.response.js';

@Injectable()
class NativePresenter implements OnModuleInit {
  constructor(
    private readonly presenters: CallbackPresenters,
    private readonly http: HttpConfig,
  ) {}

  onModuleInit(): void {
    // Messages have callbacks of their own; one that is run again by the native face may have a native one besides.
    for (const face of ['native', 'qstash'] as const)
      this.presenters.register(face, (operation, eventType) =>
        nativeCallbackBodies(operation, eventType, this.http.publicUrl),
      );
  }
}

/** Lets any process that ends operations speak the native dialect in callbacks. */
@Module({ imports: [OperationsModule], providers: [NativePresenter] })
export class NativePresenterModule {}
