import { createHttpPoller, type RunningOperation, type OperationResponse } from '@azure/core-lro';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperationContext, type OperationHandler, OperationType } from '../../src/index.js';
import { App } from '../support/app.js';

@OperationType({ name: 'dice.roll', title: 'Roll dice' })
class UnluckyHandler implements OperationHandler {
  run(_input: unknown, context: OperationContext): Promise<void> {
    context.fail('no_luck', 'the die showed 1');
  }
}

@Module({ providers: [UnluckyHandler] })
class DiceModule {}

let app: App;
beforeAll(async () => {
  app = await App.start({}, [DiceModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

/** A submit as an Azure SDK package gives it to the poller: raw responses, nothing of ours in between. */
function submitting(operation: object): RunningOperation {
  const ask = async (method: string, url: string, body?: object): Promise<OperationResponse> => {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${app.client.key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const parsed: unknown = await response.json();
    // As the packages do: what isn't a success is no answer for the poller.
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${JSON.stringify(parsed)}`);
    return {
      flatResponse: parsed,
      rawResponse: {
        statusCode: response.status,
        headers: Object.fromEntries(response.headers),
        body: parsed,
        request: { method: method as 'POST', url },
      } as OperationResponse['rawResponse'],
    };
  };
  return {
    sendInitialRequest: () => ask('POST', `${app.config.http.publicUrl}/v1/operations`, operation),
    sendPollRequest: (url) => ask('GET', url),
  };
}

const poll = (operation: object) => createHttpPoller(submitting(operation), { intervalInMs: 20 });

describe('@azure/core-lro, unmodified,', () => {
  it('drives an operation from its submit to its success', async () => {
    const poller = poll({ type: 'sleep', input: { seconds: 0.2 } });
    await poller.pollUntilDone();
    expect(poller.isDone).toBe(true);
    expect(poller.operationState?.status).toBe('succeeded');
  });

  it('shows code and message of an operation that fails', async () => {
    const poller = poll({ type: 'dice.roll' });
    const error: unknown = await poller.pollUntilDone().catch((thrown: unknown) => thrown);
    expect(poller.operationState?.status).toBe('failed');
    expect(String(error)).toContain('no_luck');
    expect(String(error)).toContain('the die showed 1');
  });

  it('sees that an operation was canceled', async () => {
    const poller = poll({ type: 'sleep', input: { seconds: 30 }, correlation: 'to be canceled' });
    await poller.submitted();
    const listed = await app.client.get('/v1/operations?type=sleep');
    const { id } = listed.body.data.find((one: any) => one.correlation === 'to be canceled');
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).status).toBe(200);
    await poller.pollUntilDone().catch(() => undefined);
    expect(poller.operationState?.status).toBe('canceled');
  });
});
