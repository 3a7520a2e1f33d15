import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SecretBox } from '../signing/secret-box.js';

/** What a caller asked the gateway for, without its body. */
export interface AskedRequest {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** End-to-end headers: names and values in turn, in order and case. */
  readonly headers: readonly string[];
  /** What followed a chunked body, likewise; not there in what was stored before trailers were kept. */
  readonly trailers?: readonly string[];
}

/** Input of `bgrs.request`. What may hold a credential is sealed. */
export interface UpstreamInput {
  /** Path and query as they came, for people; a token in it is struck out. */
  readonly name: string;
  /** As RINGBACK_GATEWAY_AUTH_URL told it (text), or else the number of the account. */
  readonly user_id: string | number;
  readonly tries: number;
  /** The body is a JSON array of requests. */
  readonly batch: boolean;
  readonly body: { readonly file: string; readonly size: number } | null;
  /** The row that `sealed` is bound to: also a rerun's input opens. */
  readonly seal: string;
  readonly sealed: string;
  /** SHA-256 of the token in the progress URL. */
  readonly progress_hash: string;
}

/** The sealed part: the request and the token of its progress URL. */
export interface OpenedRequest extends AskedRequest {
  readonly progressToken: string;
}

const COLUMN = 'upstream_request';

/** Seals what the gateway was asked for, since it carries the caller's own credentials. */
@Injectable()
export class UpstreamInputs {
  constructor(private readonly box: SecretBox) {}

  seal(
    accountId: string,
    asked: AskedRequest,
    rest: Omit<UpstreamInput, 'seal' | 'sealed' | 'progress_hash'>,
  ): UpstreamInput {
    const progressToken = randomBytes(24).toString('base64url');
    const seal = randomBytes(16).toString('hex');
    const opened: OpenedRequest = {
      method: asked.method,
      target: asked.target,
      headers: asked.headers,
      trailers: asked.trailers ?? [],
      progressToken,
    };
    return {
      ...rest,
      seal,
      sealed: this.box.seal(JSON.stringify(opened), place(accountId, seal)),
      progress_hash: digest(progressToken).toString('hex'),
    };
  }

  open(accountId: string, input: UpstreamInput): OpenedRequest {
    return JSON.parse(this.box.open(input.sealed, place(accountId, input.seal))) as OpenedRequest;
  }
}

/** Whether a token is the one in the operation's progress URL. */
export function isProgressToken(input: Partial<UpstreamInput>, token: string): boolean {
  // None is left once the retention has emptied the operation.
  const hash = input.progress_hash;
  return hash !== undefined && timingSafeEqual(digest(token), Buffer.from(hash, 'hex'));
}

function place(account: string, row: string) {
  return { account, row, column: COLUMN };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
