import { describe, expect, it } from 'vitest';
import { App } from './support/app.js';
import { newDatabase } from './support/database.js';
import { Receiver } from './support/receiver.js';
import { Service, sharedBy } from './support/service.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = `00-${TRACE}-00f067aa0ba902b7-01`;

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
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
    const shared = await sharedBy(await newDatabase());
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

  it('is passed on as the caller sent it where no spans are recorded', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    await app.client.submit({ type: 'echo', callback: { url: receiver.url } }, { traceparent: CALLER });
    const [callback] = await receiver.received(1);
    expect(callback!.headers['traceparent']).toBe(CALLER);
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
