import { Module } from '@nestjs/common';
import { ConsolePages } from './console-pages.js';
import { SessionCookie } from './session-cookie.js';
import { SessionController } from './session.controller.js';

/** The console: its pages, and its logins. What it shows and does is the native face's, below `/console/api/v1`. */
@Module({
  controllers: [SessionController],
  providers: [ConsolePages, SessionCookie],
})
export class ConsoleModule {}
