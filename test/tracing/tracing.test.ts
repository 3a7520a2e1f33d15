import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/operations/run/operation-type.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';
import { UpstreamApi } from '../support/upstream.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = `00-${TRACE}-00f067aa0ba902b7-01`;

@OperationType({ name: 'test.quick', title: 'Quick', path: 'test/quick' })
class QuickHandler implements OperationHandler {
  run(): Promise<OperationOutcome> {
    return Promise.resolve({});
  }
}

@Module({ providers: [QuickHandler] })
class HandlersModule {}

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number; readonly message?: string };
}

/** The spans that an OTLP receiver got, of a trace. */
function spans(collector: Receiver, traceId: string): Span[] {
  return collector.all
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => JSON.parse(body).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans as Span[])
    .filter((span) => span.traceId === traceId);
}

describe('a trace', { timeout: 60_000 }, () => {
  it('joins the caller, the submit, the run, the upstream’s request and the callback’s attempt', async () => {
    await using collector = await Receiver.answering(200);
    await using upstream = await Receiver.answering(200);
    await using receiver = await Receiver.answering(200);
    const shared = sharedBy(await newDatabase());
    await using service = await Service.start({
      ...shared,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    });
    await service.client.submit(
      {
        type: 'http.request',
        input: { method: 'GET', url: upstream.url },
        callback: { url: receiver.url },
      },
      { traceparent: CALLER },
    );
    const [callback] = await receiver.received(1);
    await expect.poll(() => spans(collector, TRACE).length, { timeout: 20_000 }).toBe(3);
    const [submit, run, attempt] = ['submit http.request', 'run http.request', 'callback attempt'].map(
      (name) => spans(collector, TRACE).find((span) => span.name === name)!,
    );
    expect(submit!.parentSpanId).toBe('00f067aa0ba902b7');
    expect([run!.parentSpanId, attempt!.parentSpanId]).toEqual([submit!.spanId, submit!.spanId]);
    expect(upstream.all[0]!.headers['traceparent']).toBe(`00-${TRACE}-${run!.spanId}-01`);
    expect(callback!.headers['traceparent']).toBe(`00-${TRACE}-${attempt!.spanId}-01`);
  });

  it('shows the attempts that failed as errors, whether they got a response or none', async () => {
    await using collector = await Receiver.answering(200);
    await using receiver = await Receiver.answering(
      // First: over a kept connection it would only be sent once more.
      (response) => response.socket!.destroy(),
      503,
      (response) => response.writeHead(302, { location: '/' }).end(),
      200,
    );
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      RINGBACK_RETRY_SCHEDULE: '0.05,0.05,0.05',
    });
    await service.client.submit({ type: 'echo', callback: { url: receiver.url } }, { traceparent: CALLER });
    const attempts = (): Span[] => spans(collector, TRACE).filter(({ name }) => name === 'callback attempt');
    await expect.poll(() => attempts().length, { timeout: 20_000 }).toBe(4);
    // 2 is ERROR; where nothing is set the exporter says 0.
    const said = attempts().map(({ status }) => `${status.code ?? 0} ${status.message?.split(':')[0] ?? ''}`);
    expect(said.toSorted()).toEqual(['0 ', '2 HTTP 302', '2 HTTP 503', '2 connection_reset']);
  });

  it('joins a request in the background too, in place of the one that its caller sent', async () => {
    await using collector = await Receiver.answering(200);
    await using upstream = await UpstreamApi.answering((response) => response.end('{}'));
    await using receiver = await Receiver.answering(200);
    const gateway = await freePort();
    await using _service = await Service.start({
      ...sharedBy(await newDatabase()),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      RINGBACK_UPSTREAM: upstream.url,
      RINGBACK_GATEWAY_PORT: String(gateway),
    });
    const query = `bgrs=yes&callbackurl=${encodeURIComponent(receiver.url)}`;
    await fetch(`http://127.0.0.1:${gateway}/slow?${query}`, {
      headers: { 'x-ringback-key': TEST_KEY, traceparent: CALLER },
    });
    const [callback] = await receiver.received(1);
    await expect.poll(() => spans(collector, TRACE).length, { timeout: 20_000 }).toBe(3);
    const run = spans(collector, TRACE).find(({ name }) => name.startsWith('run '));
    expect(upstream.seen[0]!.headers['traceparent']).toBe(`00-${TRACE}-${run!.spanId}-01`);
    expect(callback!.headers['traceparent']).toContain(TRACE);
  });

  it('is passed on as the caller sent it where no spans are recorded, by every face', async () => {
    await using receiver = await Receiver.answering(200);
    await using upstream = await UpstreamApi.answering((response) => response.end('{}'));
    const gateway = await freePort();
    const publicUrl = `http://127.0.0.1:${gateway}`;
    await using app = await App.start({ gateway: { upstream: upstream.url, port: gateway, publicUrl } }, [
      HandlersModule,
    ]);
    const callback = { url: receiver.url };
    const traced = { traceparent: CALLER };
    const { id } = await app.client.submit({ type: 'echo', callback }, traced);
    await app.client.post('/v1/operations/batch', { operations: [{ type: 'echo', callback }] }, traced);
    await app.client.post('/api/test/quick', { callbackurl: receiver.url }, traced);
    await fetch(`${publicUrl}/x?bgrs=yes&callbackurl=${encodeURIComponent(receiver.url)}`, {
      headers: { 'x-ringback-key': TEST_KEY, ...traced },
    });
    const rerun = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    await app.client.post(`/v1/operations/${id}/rerun`, undefined, rerun);
    // One of a later version is what version 00 can say of it.
    await app.client.submit({ type: 'echo', callback }, { traceparent: CALLER.replace('00-', '01-') + '-x' });
    const received = await receiver.received(6);
    const parents = received.map(({ headers }) => headers['traceparent']);
    expect(parents.toSorted()).toEqual([CALLER, CALLER, CALLER, CALLER, CALLER, rerun.traceparent]);
    expect(upstream.seen[0]!.headers['traceparent']).toBe(CALLER);
  });

  it.each([
    ['none', undefined],
    ['a broken one', '00-xyz'],
    ['an empty trace id', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
  ])('isn’t begun by Ringback on its own: %s', async (_, traceparent) => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    await app.client.submit(
      { type: 'echo', callback: { url: receiver.url } },
      traceparent === undefined ? {} : { traceparent },
    );
    const [callback] = await receiver.received(1);
    expect(callback!.headers).not.toHaveProperty('traceparent');
  });
});
