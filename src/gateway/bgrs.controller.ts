import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayConfig } from '../config/config.js';
import { acknowledgeSent } from '../faces/acknowledge-sent.js';
import { sendFile } from '../faces/file-answer.js';
import { FilesService } from '../files/files.service.js';
import { Problem } from '../http/problem.js';
import { TakesBody } from '../http/takes-body.js';
import { HistoryStore } from '../operations/read/history.store.js';
import { OperationReads } from '../operations/read/operation-reads.store.js';
import { OperationWaits } from '../operations/read/operation-waits.js';
import type { OperationEntity } from '../operations/operation.entity.js';
import { OperationNotFoundError } from '../operations/operation.errors.js';
import { isTerminal } from '../operations/operation.state.js';
import { isGone } from '../operations/retain/gone.js';
import { OperationsService } from '../operations/operations.service.js';
import { BGRS_STATUS, bgrsDetail, bgrsRequest, resultName, resultOf } from './bgrs.response.js';
import { GatewayCredentials } from './gateway-credentials.js';
import { decoderFor } from './stored-coding.js';
import { isProgressToken, type UpstreamInput, UpstreamInputs } from './upstream-input.js';

/** Room for three runs of the largest batch, so that whoever doesn't page sees `done` too. */
const MAX_DETAILS = 5_000;
const MAX_TEXT = 4_000;

/** What the bgrs face answers about requests in the background. */
@ApiExcludeController()
@Controller('bgrs')
export class BgrsController {
  constructor(
    private readonly credentials: GatewayCredentials,
    private readonly operations: OperationsService,
    private readonly reads: OperationReads,
    private readonly history: HistoryStore,
    private readonly waits: OperationWaits,
    private readonly files: FilesService,
    private readonly inputs: UpstreamInputs,
    private readonly config: GatewayConfig,
  ) {}

  @Get(':rid')
  async read(
    @Param('rid') rid: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { operation, isOwn } = await this.readable(rid, request);
    if (isOwn) acknowledgeSent(reply, this.operations, operation.accountId, operation);
    return bgrsRequest(operation, this.inputs.nameOf(operation), this.config.types);
  }

  /** What has been told of it, oldest first, after entry `after`; the last line is `done`. `verbose` shows all that happened. */
  @Get(':rid/details')
  async details(
    @Param('rid') rid: string,
    @Query('limit') limit: string | undefined,
    @Query('after') after: string | undefined,
    @Query('verbose') verbose: unknown,
    @Req() request: FastifyRequest,
  ) {
    const { operation } = await this.readable(rid, request);
    const most = wholeNumber('limit', limit, MAX_DETAILS);
    if (most < 1 || most > MAX_DETAILS) throw invalid('limit', `must be from 1 to ${MAX_DETAILS}`);
    const first = wholeNumber('after', after, 0);
    const { requestId } = operation;
    const entries = isYes('verbose', verbose)
      ? await this.history.list(requestId, String(first), most)
      : await this.history.listTold(requestId, String(first), most);
    return entries.map((entry) => bgrsDetail(entry, rid, this.config.types));
  }

  /** The upstream's bytes with its content type and status. */
  @Get(':rid/result')
  async result(
    @Param('rid') rid: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { operation } = await this.readable(rid, request);
    if (!isTerminal(operation.state))
      throw new Problem(404, 'result-not-ready', 'the request has not ended yet', {
        headers: { 'retry-after': '1' },
      });
    const expired = isGone(operation);
    const result = resultOf(operation);
    if (!result && !expired)
      throw new Problem(
        404,
        'no-result',
        `the request is ${BGRS_STATUS[operation.state][1]} and has no result: ${operation.errorMessage ?? operation.statusText}`,
      );
    const file =
      !result || expired || operation.fileId === null
        ? null
        : await this.files.find(operation.accountId, operation.fileId);
    if (!result || !file)
      throw new Problem(410, 'result-expired', 'the result was kept for its time, or erased, and is gone');
    const { 'content-encoding': name, ...headers } = result.headers;
    const { status } = result;
    // A part of coded bytes can't be decoded.
    const decoder = status === 206 ? null : decoderFor(name, request.headers['accept-encoding']);
    const named = { ...file, name: resultName(operation, result.content_type) };
    const coding = name === undefined ? undefined : { name, decoder };
    await sendFile(named, this.files, request, reply, 'inline', { status, headers, coding });
  }

  /** Where the upstream reports its progress; the token in the URL is the credential. */
  @Post(':rid/progress')
  @TakesBody('report')
  @HttpCode(204)
  async progress(
    @Param('rid') rid: string,
    @Query('token') token: string | undefined,
    @Body() body: unknown,
  ): Promise<void> {
    const { operation } = (await this.reads.findShared('bgrs', rid)) ?? notFound(rid);
    const input = JSON.parse(operation.input ?? '{}') as Partial<UpstreamInput>;
    if (typeof token !== 'string' || !isProgressToken(input, token))
      throw new Problem(
        401,
        'unauthorized',
        'use the URL of X-Ringback-Progress-Url unchanged, token included',
      );
    const { progress, text } = (typeof body === 'object' && body !== null ? body : {}) as Record<
      string,
      unknown
    >;
    if (typeof progress !== 'number' || !(progress >= 0 && progress <= 100))
      throw invalid('progress', 'must be a number from 0 to 100');
    if (text !== undefined && (typeof text !== 'string' || text.length > MAX_TEXT || text.includes('\u0000')))
      throw invalid('text', `must be a string of at most ${MAX_TEXT} characters without NUL`);
    const told = await this.history.recordFromOutside(operation.requestId, {
      // A batch's own count says how far it is: one of its requests can't.
      percent: input.batch ? null : progress,
      text: text?.toWellFormed() ?? (input.batch ? null : `${Math.round(progress * 100) / 100} %`),
    });
    if (!told) throw new Problem(409, 'not-executing', 'the request is not being made just now');
    this.waits.grew(operation.requestId);
  }

  /** The operation, if the caller may read it, and whether it is the caller's own. */
  private async readable(
    rid: string,
    request: FastifyRequest,
  ): Promise<{ operation: OperationEntity; isOwn: boolean }> {
    const caller = await this.credentials.callerOf(
      {
        method: request.method,
        target: request.url,
        headers: request.headers,
        address: request.socket.remoteAddress,
      },
      'operations:read',
    );
    const { operation } = (await this.reads.findShared('bgrs', rid)) ?? notFound(rid);
    const { user_id: owner } = JSON.parse(operation.input ?? '{}') as Partial<UpstreamInput>;
    // What was stored before callers had numbers names nobody.
    const isOwners =
      owner === caller.userId || ((owner ?? null) === null && typeof caller.userId === 'number');
    const isOwn = operation.accountId === caller.accountId && isOwners;
    return isOwn || this.config.sharing === 'any' ? { operation, isOwn } : notFound(rid);
  }
}

function notFound(rid: string): never {
  throw new OperationNotFoundError(`there is no request ${rid.slice(0, 64)}`);
}

function wholeNumber(name: string, given: unknown, fallback: number): number {
  if (given === undefined) return fallback;
  if (typeof given !== 'string' || !/^\d{1,15}$/.test(given)) throw invalid(name, 'must be a whole number');
  return Number(given);
}

function isYes(name: string, given: unknown): boolean {
  if (given === undefined || given === '0' || given === 'no' || given === 'false') return false;
  if (given === '1' || given === 'yes' || given === 'true') return true;
  throw invalid(name, 'must be 1 or 0');
}

function invalid(path: string, message: string): Problem {
  return new Problem(400, 'invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
}
