import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { SecretConfig } from '../config/config.js';
import type { OperationEntity } from '../operations/operation.entity.js';
import { SecretBox, type SecretPlace } from '../signing/secret-box.js';
import { OpeningStream, SealingStream } from '../signing/sealed-stream.js';

/** What a caller asked the gateway for, without its body. */
export interface AskedRequest {
  readonly method: string;
  /** Path and query as they came, for people; a token in it is struck out. */
  readonly name: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** End-to-end headers: names and values in turn, in order and case. */
  readonly headers: readonly string[];
  /** What followed a chunked body, likewise; not there in what was stored before trailers were kept. */
  readonly trailers?: readonly string[];
}

/** Input of `bgrs.request`. What may hold a credential is sealed. */
export interface UpstreamInput {
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

/** The sealed part: the request, what it is called, and the token of its progress URL. */
export interface OpenedRequest extends AskedRequest {
  readonly progressToken: string;
  /** What opens the file of the body; not there where that is as it came. */
  readonly bodyKey?: string;
}

/** Seals what the gateway was asked for, since it carries the caller's own credentials. */
@Injectable()
export class UpstreamInputs {
  constructor(
    private readonly box: SecretBox,
    private readonly config: SecretConfig,
  ) {}

  seal(
    accountId: string,
    asked: AskedRequest & { readonly bodyKey: string | undefined },
    given: Omit<UpstreamInput, 'seal' | 'sealed' | 'progress_hash'>,
  ): UpstreamInput {
    const seal = randomBytes(16).toString('hex');
    const progressToken = randomBytes(24).toString('base64url');
    const opened: OpenedRequest = {
      method: asked.method,
      name: asked.name,
      target: asked.target,
      headers: asked.headers,
      trailers: asked.trailers ?? [],
      progressToken,
      ...(asked.bodyKey === undefined ? {} : { bodyKey: asked.bodyKey }),
    };
    return {
      ...given,
      seal,
      sealed: this.box.seal(JSON.stringify(opened), place(accountId, seal)),
      progress_hash: digest(progressToken).toString('hex'),
    };
  }

  open(accountId: string, input: UpstreamInput): OpenedRequest {
    return JSON.parse(this.box.open(input.sealed, place(accountId, input.seal))) as OpenedRequest;
  }

  /** What the request of an operation is called; nothing once the retention has emptied it. */
  nameOf({ accountId, input }: Pick<OperationEntity, 'accountId' | 'input'>): string {
    const stored = JSON.parse(input ?? '{}') as Partial<UpstreamInput>;
    return stored.sealed === undefined ? '' : this.open(accountId, stored as UpstreamInput).name;
  }

  /** What seals a body that is to be stored so: a batch, whose items have headers and paths, or any if the operator wants it. */
  bodySealing(batch: boolean): SealingStream | null {
    return batch || this.config.sealBodies ? new SealingStream() : null;
  }

  /** The bytes of a body as they came. */
  openBody({ bodyKey }: OpenedRequest, stored: Readable): Readable {
    if (bodyKey === undefined) return stored;
    // A body that doesn't open ends the request that it is read for.
    return pipeline(stored, new OpeningStream(bodyKey), () => undefined);
  }
}

/** Whether a token is the one in the operation's progress URL. */
export function isProgressToken(input: Partial<UpstreamInput>, token: string): boolean {
  // None is left once the retention has emptied the operation.
  const hash = input.progress_hash;
  return hash !== undefined && timingSafeEqual(digest(token), Buffer.from(hash, 'hex'));
}

function place(account: string, row: string): SecretPlace {
  return { account, row, column: 'upstream_request' };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
