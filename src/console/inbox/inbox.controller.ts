import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Logger, Options, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../http/problem.js';
import { TakesBody } from '../../http/takes-body.js';
import { SigningSecrets } from '../../signing/signing-secrets.store.js';
import { Inbox, type Received } from './inbox.js';
import { type DeliveryOwner, InboxStore } from './inbox.store.js';
import { summaryOf } from './inbox.response.js';
import { checkSignature, type Owner } from './signature-check.js';

/** A callback is 256 KiB at most unless its `custom` is larger. */
const MAX_BYTES = 2 * 1024 * 1024;
const DELIVERY_ID = /^dlv_[0-9a-f]{32}$/;

/** A receiver of callbacks, in development: what comes is checked, kept and shown in the console. */
@ApiExcludeController()
@Controller('inbox')
export class InboxController {
  private readonly logger = new Logger('Inbox');

  constructor(
    private readonly inbox: Inbox,
    private readonly store: InboxStore,
    private readonly secrets: SigningSecrets,
  ) {}

  /** Takes a callback, and answers it as the inbox was told. */
  @Post()
  @TakesBody('upload')
  async take(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = await bodyOf(request);
    const one = await this.keep(request, body, this.inbox.nextStatus());
    const { event, operation_id, attempt } = summaryOf(one);
    const { verified, reason } = one.signature;
    this.logger.log({ msg: 'callback received', event, operation: operation_id, attempt, verified, reason });
    const { waitS } = this.inbox.answers;
    if (waitS > 0) await untilGone(reply, waitS);
    await reply.status(one.answered).send();
  }

  /** Consents to callbacks, where an endpoint asks before it is registered (CloudEvents HTTP 1.1 Web Hooks, section 4). */
  @Options()
  consent(@Res() reply: FastifyReply): void {
    void reply
      .status(204)
      .headers({ 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*', allow: 'POST' })
      .send();
  }

  /** Where a person is led who opens it. */
  @Get()
  show(@Res() reply: FastifyReply): void {
    void reply.redirect('console/inbox', 302);
  }

  private async keep(request: FastifyRequest, body: Buffer, answered: number): Promise<Received> {
    const { headers } = request.raw;
    const id = textOf(headers['webhook-id']);
    const of = await this.ownerOf(id);
    return this.inbox.keep({
      at: new Date(),
      path: request.url,
      headers: pairsOf(request.raw.rawHeaders),
      body,
      accountId: of?.accountId ?? null,
      signature: checkSignature(
        {
          id,
          timestamp: textOf(headers['webhook-timestamp']),
          signature: textOf(headers['webhook-signature']),
          body,
        },
        of && (await this.signerOf(of)),
        Date.now() / 1000,
      ),
      answered,
    });
  }

  private async ownerOf(id: string | undefined): Promise<DeliveryOwner | null> {
    return id !== undefined && DELIVERY_ID.test(id) ? this.store.ownerOf(id) : null;
  }

  private async signerOf({ accountId, endpointId }: DeliveryOwner): Promise<Owner | null> {
    const { secrets } = await this.secrets.of(accountId, endpointId);
    return secrets.length === 0 ? null : { id: endpointId ?? accountId, secrets };
  }
}

/** Waits, but not for somebody who has hung up. */
async function untilGone(reply: FastifyReply, seconds: number): Promise<void> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  await delay(seconds * 1000, undefined, { signal: gone.signal, ref: false }).catch(() => undefined);
}

/** The bytes as they came: another parser would have made something else of them. */
async function bodyOf({ raw }: FastifyRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed by leaving it early: the answer goes over the same connection.
  for await (const chunk of raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Problem(413, 'body-too-large', 'the inbox takes 2 MiB at most');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function pairsOf(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]!] as [string, string]] : []));
}
