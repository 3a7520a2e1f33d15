import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackModule, type RingbackOptions } from '../../src/index.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { Client } from '../support/client.js';
import { ConsoleClient } from '../support/console-client.js';
import { newDatabase } from '../support/database.js';

const common = (): Omit<RingbackOptions, 'databaseUrl'> => ({
  secretKeys: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  apiKey: TEST_KEY,
  callbackTimeoutS: 2,
  leaseS: 10,
  shutdownGraceS: 0.2,
});

async function host(options: RingbackOptions, port: number): Promise<NestFastifyApplication> {
  @Module({ imports: [RingbackModule.forRoot(options)] })
  class HostModule {}
  const app = await NestFactory.create<NestFastifyApplication>(HostModule, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  app.enableShutdownHooks();
  await app.listen(port, '127.0.0.1');
  return app;
}

describe('the console inside another application', () => {
  let app: NestFastifyApplication;
  let url: string;
  let databaseUrl: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/ops/ringback`;
    databaseUrl = await newDatabase();
    app = await host(
      { ...common(), databaseUrl, mount: '/ops/ringback', publicUrl: url, console: true },
      port,
    );
  });
  afterAll(() => app.close());

  it('is below its path, with its cookie, its routes and its streams', async () => {
    const console = new ConsoleClient(url);
    const login = await console.login({ key: TEST_KEY });
    expect(login.status).toBe(201);
    expect(login.headers.get('set-cookie')).toContain('; Path=/ops/ringback/console;');
    expect(login.body.inbox).toBe(false);
    const { body } = await console.post('/v1/operations', { type: 'echo' });
    const history = await console.get(`/v1/operations/${body.id}/history`, { accept: 'text/event-stream' });
    expect(history.text).toContain('"status":"Finished"');
    expect((await new Client(url, TEST_KEY).get('/console/api/v1/operations')).status).toBe(401);
    expect((await new Client(url, '').post('/inbox', {})).status).toBe(404);
  });

  it('is off unless it is asked for, and asks for a path', async () => {
    const port = await freePort();
    const other = await host(
      { ...common(), databaseUrl, mount: '/rb', publicUrl: `http://127.0.0.1:${port}/rb` },
      port,
    );
    try {
      const client = new ConsoleClient(`http://127.0.0.1:${port}/rb`);
      expect((await client.login({ key: TEST_KEY })).status).toBe(404);
    } finally {
      await other.close();
    }
    expect(() => RingbackModule.forRoot({ ...common(), databaseUrl, console: true })).toThrow(
      'console needs mount: name the path that it is under',
    );
  });
});

describe('the console behind a proxy that has it below a path', () => {
  it('has its cookie there, and finds its own address', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tools/ringback`;
    await using app = await App.start({ http: { publicUrl: base } });
    const { port } = app.config.http;
    server.on('request', (request, response) => {
      const path = request.url!.replace(/^\/tools\/ringback/, '');
      const upstream = ask(
        { port, host: '127.0.0.1', path, method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(upstream.on('error', () => response.destroy()));
    });
    try {
      const console = new ConsoleClient(base);
      const login = await console.login({ key: TEST_KEY });
      expect(login.headers.get('set-cookie')).toMatch(
        /; Path=\/tools\/ringback\/console; Max-Age=43200; HttpOnly; SameSite=Strict$/,
      );
      expect((await console.get('/v1/operations')).status).toBe(200);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
