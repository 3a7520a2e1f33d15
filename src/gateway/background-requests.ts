import type { IncomingMessage } from 'node:http';
import { finished, type Readable, Transform, type TransformCallback } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { FilesService, FileTooLargeError } from '../files/files.service.js';
import { MAX_UPLOAD_BYTES } from '../http/body-parsers.js';
import { Problem } from '../http/problem.js';
import { OperationRefusedError, QuotaExceededError } from '../operations/operation.errors.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import { Quotas } from '../operations/accept/quotas.js';
import { triesOf } from '../operations/types/kept-response.js';
import type { SealingStream } from '../signing/sealed-stream.js';
import { traceparentOf } from '../tracing/spans.js';
import { batchOf, beginsArray } from './batch-body.js';
import { GatewayCredentials } from './gateway-credentials.js';
import { queryValue, RETENTION, shownTarget, upstreamTarget } from './gateway-route.js';
import { endToEndHeaders, transferCodings } from './upstream-headers.js';
import { UpstreamInputs } from './upstream-input.js';
import { UPSTREAM_REQUEST } from './upstream-request.js';

/** Takes requests of the gateway to be made in the background. */
@Injectable()
export class BackgroundRequests {
  constructor(
    private readonly credentials: GatewayCredentials,
    private readonly inputs: UpstreamInputs,
    private readonly submissions: Submissions,
    private readonly files: FilesService,
    private readonly quotas: Quotas,
    private readonly config: OperationConfig,
  ) {}

  /**
   * Stores the request, its body first; when this resolves with the rid, it is committed and will be made.
   * `ready` is called once the body is wanted, for callers that wait to be told. With `batches`, a body that is an array is a batch.
   */
  async accept(request: IncomingMessage, batches: boolean, ready: () => void): Promise<string> {
    const [method, target] = [request.method!, request.url!];
    const caller = await this.credentials.callerOf(
      { method, target, headers: request.headers, address: request.socket.remoteAddress },
      'operations:write',
    );
    if (Number(request.headers['content-length'] ?? 0) > MAX_UPLOAD_BYTES)
      throw new FileTooLargeError(MAX_UPLOAD_BYTES);
    refuseCoded(request);
    ready();
    const batch = batches && (await beginsArray(request));
    const { stream, tries } = batch ? await batchOf(request) : { stream: request, tries: triesOf(method) };
    const sealing = this.inputs.bodySealing(batch);
    const body = hasBody(request) ? await this.keep(stream, request, caller.accountId, sealing) : null;
    try {
      const headers = endToEndHeaders(request.rawHeaders);
      // The body is there, and so is what followed it.
      const trailers = endToEndHeaders(request.rawTrailers);
      const callbackUrl = queryValue(target, 'callbackurl') ?? single(request.headers['x-callback-url']);
      const { view } = await this.submissions.accept({
        accountId: caller.accountId,
        face: 'bgrs',
        type: UPSTREAM_REQUEST,
        input: this.inputs.seal(
          caller.accountId,
          {
            ...{ method, name: shownTarget(target), target: upstreamTarget(target), headers, trailers },
            bodyKey: body === null ? undefined : sealing?.key,
          },
          { user_id: caller.userId, tries, batch, body },
        ),
        callback: callbackUrl === undefined ? null : { url: callbackUrl, headers: [] },
        correlation: null,
        priority: 0,
        runAt: null,
        timeoutS: null,
        retention: RETENTION,
        traceparent: traceparentOf(request.headers['traceparent']),
        idempotency: null,
      });
      return view.operation.rid;
    } catch (error) {
      // Only where the operation was refused for certain: after a lost answer of PostgreSQL it may stand all the same.
      if (body && (error instanceof OperationRefusedError || error instanceof QuotaExceededError))
        await this.files.remove(caller.accountId, body.file).catch(() => undefined);
      throw error;
    }
  }

  private async keep(
    stream: Readable,
    request: IncomingMessage,
    accountId: string,
    sealing: SealingStream | null,
  ): Promise<{ file: string; size: number }> {
    // Twice the class: once for a request that waits, once for its rerun as long as it can be seen.
    const keptS = 2 * (this.config.retention.get(RETENTION) ?? 0);
    const announced = Number(request.headers['content-length'] ?? 0);
    const described = {
      accountId,
      name: 'request',
      contentType: sealing
        ? 'application/octet-stream'
        : (request.headers['content-type'] ?? 'application/octet-stream'),
      expiresAt: new Date(Date.now() + keptS * 1000),
    };
    let counted: Counting | undefined;
    const { id, size } = await this.quotas.file(accountId, announced, MAX_UPLOAD_BYTES, (mostBytes) => {
      if (sealing === null) return this.files.save(stream, { ...described, mostBytes });
      // What was announced is counted: sealed, it is somewhat longer.
      counted = new Counting(mostBytes).from(stream).into(sealing);
      return this.files.save(sealing, described);
    });
    return { file: id, size: counted?.size ?? size };
  }
}

/** Knows how many bytes went through, and lets no more than allowed. */
class Counting extends Transform {
  size = 0;

  constructor(private readonly mostBytes: number) {
    super();
  }

  /** Takes what this stream gives. (`pipeline` would destroy it for a fault of ours, and with it the connection of the answer.) */
  from(stream: Readable): this {
    finished(stream, { writable: false }, (error) => error && this.destroy(error));
    stream.pipe(this);
    return this;
  }

  into(sealing: Transform): this {
    this.on('error', (error) => sealing.destroy(error)).pipe(sealing);
    return this;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.size += chunk.length;
    done(this.size > this.mostBytes ? new FileTooLargeError(this.mostBytes) : null, chunk);
  }
}

/** A body that is coded for the way here can't be sent on as it is stored: without the framing that tells so. */
function refuseCoded({ rawHeaders }: IncomingMessage): void {
  const [coding] = transferCodings(rawHeaders);
  if (coding === undefined) return;
  const message = `${coding.slice(0, 60)} is not understood in the background: only chunked is`;
  throw new Problem(501, 'transfer-coding-unknown', `Transfer-Encoding: ${message}`, {
    errors: [{ path: 'Transfer-Encoding', message }],
  });
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  );
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
