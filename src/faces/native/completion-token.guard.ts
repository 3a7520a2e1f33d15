import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LoginAttempts } from '../../accounts/login-attempts.js';
import { Problem } from '../../http/problem.js';
import type { Admits } from '../../http/route-config.js';
import {
  type AdmittedToken,
  CompletionRefusedError,
  Completions,
} from '../../operations/await/completions.service.js';
import { toProblem } from '../problem.filter.js';

type WithToken = FastifyRequest & { completionToken?: AdmittedToken };

/** Requests that one token may make at once, and a second after that, in this process: a heartbeat needs no more. */
const BURST = 20;
const PER_S = 5;
const MAX_TOKENS = 10_000;

/** Lets requests pass whose URL has a completion token, before their body is read. */
@Injectable()
export class CompletionTokenGuard implements Admits<null> {
  private readonly buckets = new Map<string, { left: number; at: number }>();

  constructor(
    private readonly completions: Completions,
    private readonly logins: LoginAttempts,
  ) {}

  async admit(request: WithToken): Promise<void> {
    const { token } = request.params as { token: string };
    const found = await this.completions.find(token).catch((error: unknown) => {
      // Counted as any wrong credential, by the address it came from.
      const guessed = error instanceof CompletionRefusedError && error.code === 'unknown-token';
      throw guessed ? this.logins.failed(request.ip, toProblem(error)) : error;
    });
    this.spend(found.hash);
    request.completionToken = found;
  }

  /** Of the request that this has let pass. */
  static tokenOf(request: FastifyRequest): AdmittedToken {
    return (request as WithToken).completionToken!;
  }

  private spend(hash: string): void {
    const now = performance.now();
    let bucket = this.buckets.get(hash);
    if (!bucket) {
      if (this.buckets.size >= MAX_TOKENS) this.buckets.clear();
      this.buckets.set(hash, (bucket = { left: BURST, at: now }));
    }
    bucket.left = Math.min(BURST, bucket.left + ((now - bucket.at) / 1000) * PER_S);
    bucket.at = now;
    if (bucket.left < 1)
      throw new Problem(
        429,
        'rate-limited',
        `a completion token may be used ${PER_S} times a second: try again in 1 s`,
        { headers: { 'retry-after': '1' } },
      );
    bucket.left--;
  }
}
