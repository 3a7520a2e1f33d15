import {
  BadRequestException,
  Body,
  Catch,
  type CanActivate,
  Controller,
  type ExceptionFilter,
  type ArgumentsHost,
  ForbiddenException,
  Get,
  HttpException,
  Injectable,
  Module,
  type OnModuleDestroy,
  type OnModuleInit,
  type PipeTransform,
  Post,
  Scope,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, NestFactory } from '@nestjs/core';
import { BullModule, InjectQueue } from '@nestjs/bullmq';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Queue } from 'bullmq';
import type { FastifyReply } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type OperationContext,
  type OperationHandler,
  Operations,
  OperationType,
  RingbackError,
  RingbackModule,
  type RingbackOptions,
  SettingError,
} from '../../src/index.js';
import { freePort, TEST_KEY } from '../support/app.js';
import { Client } from '../support/client.js';
import { newDatabase, redisUrls } from '../support/database.js';
import { ObjectStore } from '../support/object-store.js';
import { Receiver } from '../support/receiver.js';

/** A provider of the host's that handlers use, and what happened to it. */
@Injectable()
class Ledger implements OnModuleInit, OnModuleDestroy {
  readonly entries: string[] = [];

  onModuleInit(): void {
    this.entries.push('init');
  }

  onModuleDestroy(): void {
    this.entries.push('destroyed');
  }
}

@OperationType({ name: 'host.greet', title: 'Greet', tries: 1 })
class GreetHandler implements OperationHandler<{ name: string; untilAborted?: boolean }>, OnModuleInit {
  inits = 0;

  constructor(private readonly ledger: Ledger) {}

  onModuleInit(): void {
    this.inits++;
  }

  async run(input: { name: string; untilAborted?: boolean }, context: OperationContext) {
    this.ledger.entries.push(`run ${input.name}`);
    if (input.untilAborted) {
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
      this.ledger.entries.push(`stopped ${input.name}`);
      throw context.signal.reason as Error;
    }
    return { result: { greeting: `Hello, ${input.name}`, inits: this.inits } };
  }
}

/** Global in the host, each of them fatal to Ringback's routes if it reached them. */
@Catch()
class HostFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .status(status)
      .send({ host: String(status) });
  }
}

@Injectable()
class HostPipe implements PipeTransform {
  transform(value: unknown): unknown {
    if (JSON.stringify(value)?.includes('forbidden')) throw new BadRequestException();
    return value;
  }
}

@Injectable()
class HostGuard implements CanActivate {
  canActivate(context: { switchToHttp(): { getRequest(): { headers: Record<string, unknown> } } }): boolean {
    if (context.switchToHttp().getRequest().headers['x-host'] !== 'yes') throw new ForbiddenException();
    return true;
  }
}

@Controller('things')
class ThingsController {
  constructor(private readonly operations: Operations) {}

  @Get()
  list(): object {
    return { things: [] };
  }

  @Post()
  async make(@Body() body: { name: string; extra?: string }): Promise<object> {
    return this.operations.submit({ type: 'host.greet', input: body });
  }
}

@Module({ providers: [Ledger, GreetHandler], exports: [Ledger] })
class GreetModule {}

async function options(port: number): Promise<RingbackOptions> {
  const redis = redisUrls();
  return {
    databaseUrl: await newDatabase(),
    ...(redis.length > 0 ? { redisUrl: redis } : {}),
    secretKeys: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    apiKey: TEST_KEY,
    mount: '/callbacks/api',
    publicUrl: `http://127.0.0.1:${port}/callbacks/api`,
    allowedPrivate: '127.0.0.0/8',
    callbackTimeoutS: 2,
    leaseS: 10,
    pollMs: 50,
    retrySchedule: '0.05,0.05',
    heldPerAccount: 1,
    shutdownGraceS: 0.2,
    dataDir: '/tmp/ringback-embedding-test',
  };
}

async function start(imports: NonNullable<Parameters<typeof Module>[0]['imports']>, port: number) {
  @Module({
    imports: [...imports, GreetModule],
    controllers: [ThingsController],
    providers: [
      { provide: APP_FILTER, useClass: HostFilter },
      { provide: APP_PIPE, useClass: HostPipe },
      { provide: APP_GUARD, useClass: HostGuard },
    ],
  })
  class HostModule {}
  const app = await NestFactory.create<NestFastifyApplication>(HostModule, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  app.setGlobalPrefix('host');
  await app.listen(port, '127.0.0.1');
  return app;
}

describe('Ringback inside another NestJS application', () => {
  let app: NestFastifyApplication;
  let ringback: Client;
  let host: Client;
  let operations: Operations;
  beforeAll(async () => {
    const port = await freePort();
    const given = await options(port);
    app = await start([RingbackModule.forRootAsync({ useFactory: () => Promise.resolve(given) })], port);
    ringback = new Client(`http://127.0.0.1:${port}/callbacks/api`, TEST_KEY);
    host = new Client(`http://127.0.0.1:${port}`, TEST_KEY);
    operations = app.get(Operations);
  });
  afterAll(() => app.close());

  it('runs operations that are submitted from code, with handlers that are the host’s providers', async () => {
    const submitted = await operations.submit({ type: 'host.greet', input: { name: 'Ada' } });
    expect(submitted).toMatchObject({ type: 'host.greet', status: 'Waiting' });
    const ended = await operations.wait<{ greeting: string }>(submitted.id);
    expect(ended).toMatchObject({ status: 'Finished', result: { greeting: 'Hello, Ada' } });
    expect(app.get(Ledger).entries).toContain('run Ada');
    expect(await operations.find(submitted.id)).toEqual(ended);
  });

  it('calls a handler’s lifecycle hooks once, since they are the host’s to call', async () => {
    const { id } = await operations.submit({ type: 'host.greet', input: { name: 'Bo' } });
    expect((await operations.wait(id)).result).toMatchObject({ inits: 1 });
  });

  it('serves its routes under the mount, with links that lead there', async () => {
    const operation = await ringback.submit({ type: 'host.greet', input: { name: 'Cy' } });
    expect(operation.links.self).toBe(`${ringback.url}/v1/operations/${operation.id}`);
    expect(await ringback.ended(operation.id)).toMatchObject({ status: 'Finished' });
    expect((await ringback.get('/health/ready')).body).toMatchObject({ status: 'ok' });
    expect((await ringback.get('/openapi.json')).body.paths).toHaveProperty('/v1/operations');
    const spelled = ringback.url.replace('callbacks', 'c%61llbacks');
    expect((await fetch(`${spelled}/health/ready`)).status).toBe(200);
  });

  it('calls back, signed, as the service does', async () => {
    await using receiver = await Receiver.answering(200);
    const { id } = await operations.submit({
      type: 'host.greet',
      input: { name: 'Di' },
      callback: { url: receiver.url },
    });
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body)).toMatchObject({ type: 'operation.finished', data: { id } });
    expect(received!.headers).toHaveProperty('webhook-signature');
  });

  it('stores uploads, whatever the host’s parsers understand', async () => {
    const { status, body } = await ringback.request('POST', '/v1/files?name=a.txt', 'bytes', {
      'content-type': 'text/plain',
    });
    expect(status).toBe(201);
    expect((await ringback.get(`/v1/files/${body.id}/content`)).text).toBe('bytes');
  });

  it('keeps the host’s global pipe, guard, filter and prefix off its routes', async () => {
    expect(
      (await ringback.post('/v1/operations', { type: 'host.greet', input: { name: 'forbidden' } })).status,
    ).toBe(202);
    const refused = await ringback.post('/v1/operations', { type: 'no.such' });
    expect(refused.status).toBe(422);
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    expect((await ringback.get('/nowhere')).body).toMatchObject({ code: 'not-found' });
  });

  it('keeps its pipe, filter, parsers and headers off the host’s routes', async () => {
    const asHost = { 'x-host': 'yes' };
    expect((await host.get('/host/things')).body).toEqual({ host: '403' });
    const list = await host.get('/host/things', asHost);
    expect(list.body).toEqual({ things: [] });
    expect(list.headers.has('x-request-id')).toBe(false);
    expect(list.headers.has('strict-transport-security')).toBe(false);
    // Undeclared fields are the host's own business.
    const made = await host.post('/host/things', { name: 'Ed', extra: 'x' }, asHost);
    expect(made.status).toBe(201);
    expect(await operations.wait(made.body.id)).toMatchObject({ status: 'Finished' });
    expect((await host.post('/host/things', { name: 'forbidden' }, asHost)).body).toEqual({ host: '400' });
    expect((await host.get('/callbacks/apiary')).status).toBe(404);
    expect((await host.get('/v1/operations')).status).toBe(404);
    const form = await host.request('POST', '/host/things', 'a=1', {
      'content-type': 'application/x-www-form-urlencoded',
      ...asHost,
    });
    expect(form.status).toBe(201);
  });

  it('tells refusals by code, as the API does', async () => {
    const refusal = (promise: Promise<unknown>): Promise<RingbackError> =>
      promise.then(
        () => Promise.reject(new Error('it was not refused')),
        (error: unknown) => error as RingbackError,
      );
    const unknown = await refusal(operations.submit({ type: 'no.such' }));
    expect(unknown).toBeInstanceOf(RingbackError);
    expect(unknown).toMatchObject({
      status: 422,
      code: 'unknown-operation-type',
      errors: [{ path: 'type' }],
    });
    expect(await refusal(operations.submit({ type: 'echo', priority: 1e9 }))).toMatchObject({
      status: 422,
      errors: [{ path: 'priority' }],
    });
    expect(await refusal(operations.submit({ type: 'echo' }, { account: 'a/b' }))).toMatchObject({
      errors: [{ path: 'account' }],
    });
    expect(await refusal(operations.submit({ type: 'echo' }, { idempotencyKey: '' }))).toMatchObject({
      errors: [{ path: 'Idempotency-Key' }],
    });
    expect(await refusal(operations.submit({ type: 'echo', input: [Infinity] }))).toEqual(
      new TypeError("0 is Infinity, which JSON can't hold: give it as a string"),
    );
    expect(await refusal(operations.submit({ type: 'echo', input: { constructor: 1 } }))).toMatchObject({
      status: 400,
      errors: [{ path: 'input.constructor' }],
    });
    expect(await refusal(operations.find('0'.repeat(32)))).toMatchObject({ code: 'operation-not-found' });
    const { id } = await operations.submit({ type: 'echo' });
    await operations.wait(id);
    expect(await refusal(operations.cancel(id))).toMatchObject({ status: 409, code: 'operation-ended' });
  });

  it('keeps accounts apart, and makes one operation of one idempotency key', async () => {
    const { id } = await operations.submit({ type: 'echo', input: 1 }, { account: 'tenant 1' });
    await expect(operations.find(id)).rejects.toMatchObject({ code: 'operation-not-found' });
    await expect(operations.find(id, { account: 'tenant 2' })).rejects.toMatchObject({ status: 404 });
    expect((await operations.wait(id, { account: 'tenant 1' })).result).toBe(1);
    const keyed = { account: 'tenant 1', idempotencyKey: 'k' };
    const [one, two] = await Promise.all([
      operations.submit({ type: 'echo', input: 2 }, keyed),
      operations.submit({ type: 'echo', input: 2 }, keyed),
    ]);
    expect(one.id).toBe(two.id);
    await expect(operations.submit({ type: 'echo', input: 3 }, keyed)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
    const again = await operations.rerun(one.id, keyed);
    expect(again.rerun_of).toBe(one.id);
    expect((await operations.rerun(one.id, keyed)).id).toBe(again.id);
    const edited = await operations.rerun(one.id, { account: 'tenant 1', input: { words: 'edited' } });
    expect(edited.rerun_of).toBe(one.id);
    expect((await operations.rerun(one.id, { account: 'tenant 1' })).id).not.toBe(again.id);
  });

  it('waits as often and as long as its code likes', async () => {
    const overflows: Error[] = [];
    const note = (warning: Error) => overflows.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    for (let count = 0; count < 2; count++) {
      const { id } = await operations.submit({ type: 'sleep', input: { seconds: 0.3 } });
      expect(await operations.wait(id, { signal, timeoutS: Infinity })).toMatchObject({ status: 'Finished' });
    }
    process.off('warning', note);
    expect(overflows).toEqual([]);
  });

  it('cancels from code', async () => {
    const { id } = await operations.submit({
      type: 'host.greet',
      input: { name: 'Flo', untilAborted: true },
    });
    await expect.poll(() => app.get(Ledger).entries).toContain('run Flo');
    expect(await operations.cancel(id)).toMatchObject({ status: 'Canceled' });
    await expect.poll(() => app.get(Ledger).entries).toContain('stopped Flo');
  });
});

describe('An application that embeds Ringback', () => {
  it('is told when it imports the module twice', async () => {
    const given = await options(await freePort());
    const twice = start([RingbackModule.forRoot(given), RingbackModule.forRoot({ ...given, leaseS: 11 })], 0);
    await expect(twice).rejects.toThrow(
      new SettingError('RingbackModule is imported twice: import it once, in the root module'),
    );
  });

  it('may have files on an object store, found by the AWS variables of its environment', async () => {
    await using store = await ObjectStore.start();
    const { RINGBACK_FILES_URL, AWS_ENDPOINT_URL_S3 } = store.environment('embedded');
    const port = await freePort();
    vi.stubEnv('AWS_ENDPOINT_URL_S3', AWS_ENDPOINT_URL_S3);
    const given = { ...(await options(port)), filesUrl: RINGBACK_FILES_URL! };
    const app = await start([RingbackModule.forRoot(given)], port).finally(() => vi.unstubAllEnvs());
    try {
      const client = new Client(`http://127.0.0.1:${port}/callbacks/api`, TEST_KEY);
      const { status, body } = await client.request('POST', '/v1/files?name=a.txt', 'bytes', {
        'content-type': 'text/plain',
      });
      expect(status).toBe(201);
      expect(await store.keys()).toEqual([`embedded/${body.id}`]);
    } finally {
      await app.close();
    }
  });

  it('closes only after its handlers have stopped, and before what they use', async () => {
    const port = await freePort();
    const app = await start([RingbackModule.forRoot(await options(port))], port);
    const ledger = app.get(Ledger);
    const input = { name: 'Gil', untilAborted: true };
    const { id } = await app.get(Operations).submit({ type: 'host.greet', input });
    // A caller that is kept waiting doesn't keep the application from closing.
    const client = new Client(`http://127.0.0.1:${port}/callbacks/api`, TEST_KEY);
    const held = client.ended(id, 60).catch(() => null);
    await expect.poll(() => ledger.entries).toContain('run Gil');
    await app.close();
    await held;
    expect(ledger.entries).toEqual(['init', 'run Gil', 'stopped Gil', 'destroyed']);
    await expect(app.get(Operations).find('x')).rejects.toThrow('Ringback is not running');
  });

  it('needs no HTTP to run operations', async () => {
    const { mount: _mount, publicUrl: _url, apiKey: _key, ...given } = await options(0);
    @Module({ imports: [RingbackModule.forRoot(given), GreetModule] })
    class HostModule {}
    const app = await NestFactory.createApplicationContext(HostModule, {
      logger: ['error'],
      abortOnError: false,
    });
    try {
      const operations = app.get(Operations);
      const { id } = await operations.submit({ type: 'host.greet', input: { name: 'Hy' } });
      expect(await operations.wait(id)).toMatchObject({ status: 'Finished' });
    } finally {
      await app.close();
    }
  });

  it('is told at once what is wrong with its options, in its own words', async () => {
    const given = await options(1);
    const refusal = (change: object): string => {
      try {
        RingbackModule.forRoot({ ...given, ...change });
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    };
    expect(refusal({})).toBe('accepted');
    expect(refusal({ leaseS: 3 })).toMatch(/^leaseS \(3\) must be at least callbackTimeoutS \(2\) \+ 5/);
    expect(refusal({ pollMs: 'often', slots: 0 })).toMatch(/options.*\n {2}slots: .*\n {2}pollMs: /s);
    expect(refusal({ secretKeys: 'y', redisUrl: ['http://x'], httpHosts: ['http://x'] })).toBe(
      [
        'The options of RingbackModule are wrong',
        'redisUrl: it is not a URL that starts with redis: or rediss:, nor one of several servers, which starts with redis+cluster: or redis+sentinel:',
        'secretKeys: secret key 1 has no name: write id:base64(32 bytes)',
        'httpHosts: "http://x" is no host: write api.example.com or *.example.com',
      ].join('\n  '),
    );
    expect(refusal({ secretKeys: undefined })).toMatch(/^secretKeys is missing/);
    expect(refusal({ databaseUrl: undefined })).toMatch(/^databaseUrl is missing/);
    expect(refusal({ databaseUrl: 'mysql://x' })).toMatch('databaseUrl: it is not a URL');
    expect(refusal({ publicUrl: undefined })).toMatch(/^publicUrl is missing/);
    expect(refusal({ apiKey: undefined })).toMatch(/^apiKey is missing/);
    expect(refusal({ apiKey: 'rb_short' })).toMatch('; make one: apiKey="rb_$(openssl rand -hex 24)"');
    expect(refusal({ filesUrl: 's3://results/prod' })).toBe('accepted');
    expect(refusal({ filesUrl: 's3://key:secret@results' })).toMatch(/^ {2}filesUrl: it is neither/m);
    expect(refusal({ publicUrl: 'https://example.com/app/callbacks/api/' })).toBe('accepted');
    expect(refusal({ publicUrl: 'http://example.com/other' })).toMatch(
      /^publicUrl "http:\/\/example.com\/other" must end with mount, "\/callbacks\/api"/,
    );
    expect(refusal({ mount: 'x/' })).toMatch(/^mount "x\/" must be a path/);
    expect(refusal({ leasS: 3 })).toMatch(/^"leasS" is no option/);
    expect(refusal({ port: 3 })).toMatch(/^"port" is no option/);
  });

  it('may have queues of its own, on another backend than Ringback’s', async () => {
    const port = await freePort();
    const given = await options(port);
    @Injectable()
    class Producer {
      constructor(@InjectQueue('host') readonly queue: Queue) {
        queue.on('error', () => undefined);
      }
    }
    @Module({
      imports: [
        BullModule.forRoot({ connection: { lazyConnect: true, port: 1, retryStrategy: () => null } }),
        BullModule.registerQueue({ name: 'host' }),
      ],
      providers: [Producer],
      exports: [Producer],
    })
    class HostQueues {}
    const app = await start([RingbackModule.forRoot(given), HostQueues as Type], port);
    try {
      const { queue } = app.get(Producer);
      expect(queue.opts.connection).toMatchObject({ port: 1 });
      const { id } = await app.get(Operations).submit({ type: 'echo' });
      expect(await app.get(Operations).wait(id)).toMatchObject({ status: 'Finished' });
      const { Queue: AnyQueue } = await import('bullmq');
      const later = new AnyQueue('later', {
        connection: { port: 1, lazyConnect: true, retryStrategy: () => null },
      });
      later.on('error', () => undefined);
      // Redis's, though Ringback's own may be PostgreSQL's.
      expect(later.backend.constructor.name).toBe(queue.backend.constructor.name);
      expect(later.backend.constructor.name).toMatch(/Redis/);
      await later.close().catch(() => undefined);
    } finally {
      await app.close();
    }
  });

  it('is refused a handler that is made per request, and a second one for a type', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @OperationType({ name: 'host.other', title: 'Other' })
    class Other implements OperationHandler {
      constructor(readonly inner: PerRequest) {}
      run = () => Promise.resolve();
    }
    @OperationType({ name: 'host.greet', title: 'Twice' })
    class Twice implements OperationHandler {
      run = () => Promise.resolve();
    }
    for (const [providers, message] of [
      [[PerRequest, Other], 'made per request'],
      [[Twice], 'two handlers for operation type "host.greet"'],
    ] as const) {
      @Module({ providers: [...providers] })
      class More {}
      const port = await freePort();
      await expect(start([RingbackModule.forRoot(await options(port)), More], port)).rejects.toThrow(message);
    }
  });
});
