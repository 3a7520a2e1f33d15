import { Body, Controller, Delete, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Holder, NeedsScope } from '../accounts/api-key.guard.js';
import type { SessionHolder } from '../accounts/console-session.store.js';
import { ConsoleSessions } from '../accounts/console-sessions.js';
import { LoginAttempts } from '../accounts/login-attempts.js';
import { ConsoleConfig } from '../config/config.js';
import { addressOf } from '../http/client-address.js';
import { refuseCrossSite } from '../http/console-request.js';
import { Problem } from '../http/problem.js';
import { TakesBody } from '../http/takes-body.js';
import { SessionCookie } from './session-cookie.js';
import { LoginRequest } from './session.request.js';
import { SessionResponse } from './session.response.js';

/** Logging in and out. Of the console alone, hence in no document: everybody else has an API key. */
@ApiExcludeController()
@Controller('console/api/session')
export class SessionController {
  constructor(
    private readonly sessions: ConsoleSessions,
    private readonly logins: LoginAttempts,
    private readonly cookie: SessionCookie,
    private readonly config: ConsoleConfig,
  ) {}

  /** Begins a session for an API key, or for a link that was printed. */
  @Post()
  @HttpCode(201)
  @TakesBody('login')
  async begin(
    @Body() { key, login }: LoginRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionResponse> {
    refuseCrossSite(request.raw);
    if ((key === undefined) === (login === undefined)) {
      const message = 'an API key is needed, or what a printed link has after #login=';
      throw new Problem(422, 'invalid-request', message, { errors: [{ path: 'key', message }] });
    }
    const token =
      key === undefined ? await this.sessions.beginByLink(login!) : await this.sessions.begin(key.trim());
    const holder = token === null ? null : await this.sessions.holderOf(token);
    if (token === null || holder === null) throw this.refused(request, login !== undefined);
    const { keyId, keyName: name, accountId } = holder;
    this.logins.succeeded(accountId, { keyId, name, address: addressOf(request.ip), via: 'console' });
    void reply.headers({ 'set-cookie': this.cookie.of(token, request.raw), 'cache-control': 'no-store' });
    return this.answer(holder);
  }

  /** Who has logged in. */
  @Get()
  @NeedsScope(null)
  read(@Holder() holder: SessionHolder): SessionResponse {
    return this.answer(holder);
  }

  /** Ends the session, with the streams that it has open. */
  @Delete()
  @HttpCode(204)
  @NeedsScope(null)
  async end(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    await this.sessions.end(request, reply);
    void reply.header('set-cookie', this.cookie.none(request.raw));
  }

  private answer(holder: SessionHolder): SessionResponse {
    return SessionResponse.from(holder, this.config.idleS, this.config.inbox);
  }

  private refused(request: FastifyRequest, byLink: boolean): Problem {
    const detail = byLink
      ? 'this link was used already, or is too old: log in with an API key, or start the service again for a new link'
      : 'this is no API key, or one that was revoked or has expired';
    const headers = { 'www-authenticate': 'Cookie' };
    return this.logins.failedLogin(request.ip, new Problem(401, 'unauthorized', detail, { headers }));
  }
}
