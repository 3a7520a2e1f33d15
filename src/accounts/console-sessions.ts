import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ConsoleConfig, OperationConfig } from '../config/config.js';
import { refuseForged } from '../http/console-request.js';
import { Problem } from '../http/problem.js';
import { active, AccountsService } from './accounts.service.js';
import { ConsoleSessionStore, type SessionHolder } from './console-session.store.js';

/** The cookie that a session's token is in. */
export const SESSION_COOKIE = 'ringback_session';
const TOKEN = new RegExp(`(?:^|;)\\s*${SESSION_COOKIE}=([A-Za-z0-9_-]{43})\\s*(?:;|$)`);
const MAX_LINKS = 100;

/** Sessions of the console: each stands for an API key, and ends with it at once. */
@Injectable()
export class ConsoleSessions implements OnModuleDestroy {
  /** Answers under way, by the session that asked for them. */
  private readonly held = new Map<string, Set<ServerResponse>>();
  /** Keys that a printed link logs in with, by the digest of its token. */
  private readonly links = new Map<string, { keyId: string; until: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: ConsoleSessionStore,
    private readonly accounts: AccountsService,
    private readonly config: ConsoleConfig,
    private readonly operations: OperationConfig,
  ) {}

  /** The token of a new session for a key; null when the key isn't valid. */
  async begin(key: string): Promise<string | null> {
    const holder = await this.accounts.holderOf(key);
    return holder && this.beginFor(holder.keyId);
  }

  /** The token of a new session for a link, which is used up by that; null when there is no such link any more. */
  async beginByLink(token: string): Promise<string | null> {
    const link = this.links.get(digest(token));
    this.links.delete(digest(token));
    return link && link.until > performance.now() ? this.beginFor(link.keyId) : null;
  }

  /** The token of a link that logs in once, in this process, with a key. */
  link(keyId: string): string {
    if (this.links.size >= MAX_LINKS) this.links.clear();
    const token = newToken();
    this.links.set(digest(token), { keyId, until: performance.now() + this.config.linkS * 1000 });
    return token;
  }

  /** Whose session a request of the console has, or a Problem: 401, 403. What it is answered ends with the session. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<SessionHolder> {
    refuseForged(request.raw);
    const token = tokenOf(request);
    const holder = token === null ? null : await this.holderOf(token);
    if (token === null || !holder)
      throw new Problem(401, 'unauthorized', 'nobody is logged in: POST /console/api/session', {
        headers: { 'www-authenticate': 'Cookie' },
      });
    this.hold(digest(token), reply.raw);
    return holder;
  }

  /** Whose the session is; null when it has ended. */
  async holderOf(token: string): Promise<SessionHolder | null> {
    return active(await this.store.use(digest(token)));
  }

  /** Ends the session of a request, with the other answers that it waits for. */
  async end(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const token = tokenOf(request);
    if (token === null) return;
    await this.store.remove(digest(token));
    this.cut(digest(token), reply.raw);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async beginFor(keyId: string): Promise<string | null> {
    const token = newToken();
    return (await this.store.add(digest(token), keyId)) ? token : null;
  }

  /** A stream must not outlive the session that opened it. As long as it is open, somebody looks: the session is in use. */
  private hold(hash: string, answer: ServerResponse): void {
    // Its caller has gone while the session was looked up: nothing would take it out again.
    if (answer.destroyed) return;
    const answers = this.held.get(hash) ?? new Set();
    this.held.set(hash, answers.add(answer));
    answer.once('close', () => {
      answers.delete(answer);
      if (answers.size === 0 && this.held.get(hash) === answers) this.held.delete(hash);
    });
    const everyMs = Math.min(this.operations.heartbeatS, this.config.idleS / 2) * 1000;
    this.timer ??= setInterval(() => void this.look(), everyMs).unref();
  }

  private async look(): Promise<void> {
    const hashes = [...this.held.keys()];
    if (hashes.length === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    // In an outage nobody can tell: the next look.
    const alive = await this.store.useAll(hashes).catch(() => new Set(hashes));
    for (const hash of hashes) if (!alive.has(hash)) this.cut(hash);
  }

  private cut(hash: string, but?: ServerResponse): void {
    for (const answer of this.held.get(hash) ?? []) if (answer !== but) answer.destroy();
  }
}

function tokenOf(request: FastifyRequest): string | null {
  return TOKEN.exec(request.headers.cookie ?? '')?.[1] ?? null;
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
