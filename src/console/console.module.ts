import { type DynamicModule, Module } from '@nestjs/common';
import type { ConsoleConfig } from '../config/config.js';
import { SigningModule } from '../signing/signing.module.js';
import { ConsolePages } from './console-pages.js';
import { InboxViewController } from './inbox/inbox-view.controller.js';
import { InboxController } from './inbox/inbox.controller.js';
import { Inbox } from './inbox/inbox.js';
import { InboxStore } from './inbox/inbox.store.js';
import { SessionCookie } from './session-cookie.js';
import { SessionController } from './session.controller.js';

/** The console: its pages, and its logins. What it shows and does is the native face's, below `/console/api/v1`. */
@Module({
  controllers: [SessionController],
  providers: [ConsolePages, SessionCookie],
})
export class ConsoleModule {
  /** With an inbox, where this is development. */
  static with({ inbox }: ConsoleConfig): DynamicModule {
    if (!inbox) return { module: ConsoleModule };
    return {
      module: ConsoleModule,
      imports: [SigningModule],
      controllers: [InboxController, InboxViewController],
      providers: [Inbox, InboxStore],
    };
  }
}
