import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { SESSION_COOKIE } from '../accounts/console-sessions.js';
import { ConsoleConfig, HttpConfig } from '../config/config.js';

/** How a browser keeps a session: no script reads it, no other site's page has it sent, and nothing but the console gets it. */
@Injectable()
export class SessionCookie {
  /** The path of the console as browsers see it, below that of a proxy or of the application around. */
  private readonly path: string;
  private readonly isPublic: boolean;

  constructor(
    private readonly config: ConsoleConfig,
    { publicUrl }: HttpConfig,
  ) {
    const { pathname, protocol, hostname } = new URL(publicUrl);
    this.path = `${pathname.replace(/\/+$/, '')}/console`;
    this.isPublic = protocol !== 'http:' || !isLocal(hostname);
  }

  /** `Set-Cookie` that begins a session in the browser that asked. */
  of(token: string, request: IncomingMessage): string {
    return this.text(token, this.config.sessionS, request);
  }

  /** The same that ends it. */
  none(request: IncomingMessage): string {
    return this.text('', 0, request);
  }

  private text(token: string, maxAgeS: number, request: IncomingMessage): string {
    const secure = this.isOpen(request) ? '' : '; Secure';
    return `${SESSION_COOKIE}=${token}; Path=${this.path}; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${secure}`;
  }

  /** Whether it came over plain HTTP from a browser on this machine: in doubt it did not, and the cookie is for TLS only. */
  private isOpen({ headers }: IncomingMessage): boolean {
    if (this.isPublic || /^https/i.test(String(headers['x-forwarded-proto'] ?? ''))) return false;
    const host = URL.parse(`http://${headers.host ?? ''}`);
    return host !== null && isLocal(host.hostname);
  }
}

/** Loopback, or what a service listens at that has no name. */
function isLocal(hostname: string): boolean {
  const plain = hostname.replace(/^\[|\]$/g, '');
  if (plain === 'localhost') return true;
  return ipaddr.isValid(plain) && /^(loopback|unspecified)$/.test(ipaddr.process(plain).range());
}
