import { describe, expect, it } from 'vitest';
import { fieldsOf, fieldsOfItem } from '../../../src/faces/qstash/fields.js';
import { readPublication } from '../../../src/faces/qstash/publication.js';

const read = (headers: Record<string, string>) => readPublication(fieldsOfItem(headers));

describe('the header fields of a publish', () => {
  it('are a POST with three retries where they say nothing', () => {
    expect(read({})).toEqual({
      ...{ method: 'POST', headers: {}, retries: null, retryDelay: null, timeoutS: null, labels: [] },
      ...{ flow: null, redact: null, callback: null, failureCallback: null },
      ...{ delayS: null, notBefore: null, deduplication: null },
    });
  });

  it('say how a message is sent', () => {
    expect(
      read({
        'Content-Type': 'text/plain',
        'Upstash-Method': 'patch',
        'Upstash-Forward-my-header': 'a',
        'Upstash-Forward-Host': 'dropped.example',
        'Upstash-Retries': '0',
        'Upstash-Retry-Delay': 'pow(2, retried) * 1000',
        'Upstash-Timeout': '1m30s',
        'Upstash-Delay': '1d2h',
        'Upstash-Label': 'one, two',
        'Upstash-Flow-Control-Key': 'tenant',
        'Upstash-Flow-Control-Value': 'rate=10, parallelism=3, period=1m',
        'Upstash-Redact-Fields': 'body, header[authorization]',
        'Upstash-Content-Based-Deduplication': 'True',
      }),
    ).toMatchObject({
      method: 'PATCH',
      headers: { 'Content-Type': 'text/plain', 'My-Header': 'a' },
      retries: 0,
      retryDelay: 'pow(2, retried) * 1000',
      timeoutS: 90,
      delayS: 93_600,
      labels: ['one', 'two'],
      flow: { key: 'tenant', parallelism: 3, rate: 10, periodS: 60 },
      redact: { body: true, headers: ['Authorization'] },
      deduplication: 'content',
    });
  });

  it('say how its callbacks are sent, which have settings of their own', () => {
    const { callback, failureCallback } = read({
      'Upstash-Callback': 'https://a.example/done',
      'Upstash-Callback-Method': 'PUT',
      'Upstash-Callback-Retries': '5',
      'Upstash-Callback-Delay': '10s',
      'Upstash-Callback-Timeout': '5s',
      'Upstash-Callback-Forward-Authorization': 'Bearer one',
      // As the Python client names it.
      'Upstash-Callback-X-Other': 'two',
      'Upstash-Failure-Callback': 'https://a.example/failed',
      'Upstash-Failure-Callback-Forward-Authorization': 'Bearer two',
    });
    expect(callback).toMatchObject({
      ...{ url: 'https://a.example/done', method: 'PUT', retries: 5, delayS: 10, timeoutS: 5 },
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer one', 'X-Other': 'two' },
    });
    expect(failureCallback).toMatchObject({
      ...{ url: 'https://a.example/failed', method: 'POST', retries: null, delayS: null },
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer two' },
    });
  });

  it('begin at the time that is named rather than after a delay', () => {
    const both = read({ 'Upstash-Delay': '10s', 'Upstash-Not-Before': '1767225600' });
    expect(both).toMatchObject({ delayS: null, notBefore: new Date('2026-01-01T00:00:00Z') });
  });

  it('are joined where one comes twice, as HTTP says', () => {
    const fields = fieldsOf(['Upstash-Label', 'one', 'upstash-label', 'two']);
    expect(readPublication(fields).labels).toEqual(['one', 'two']);
  });

  it.each([
    [{ 'Upstash-Method': 'TRACE' }, 'Upstash-Method must be one of'],
    [{ 'Upstash-Retries': '-1' }, 'Upstash-Retries must be a whole number from 0'],
    [{ 'Upstash-Retry-Delay': 'sin(1)' }, 'Upstash-Retry-Delay has "sin"'],
    [{ 'Upstash-Delay': 'soon' }, 'Upstash-Delay must be a duration such as 10s'],
    [{ 'Upstash-Delay': '400d' }, 'Upstash-Delay must be at most'],
    [{ 'Upstash-Not-Before': '2026-01-01' }, 'Upstash-Not-Before must be a time in whole seconds'],
    [{ 'Upstash-Timeout': '-5s' }, 'Upstash-Timeout must be a duration'],
    [{ 'Upstash-Callback': 'example.com' }, 'Upstash-Callback must be a URL'],
    [{ 'Upstash-Failure-Callback': 'ftp://a.example' }, 'Upstash-Failure-Callback must be a URL'],
    [{ 'Upstash-Flow-Control-Value': 'rate=1' }, 'Upstash-Flow-Control-Key must be given'],
    [{ 'Upstash-Flow-Control-Key': '$a', 'Upstash-Flow-Control-Value': 'rate=1' }, 'not begin with $'],
    [
      { 'Upstash-Flow-Control-Key': 'a\tb', 'Upstash-Flow-Control-Value': 'rate=1' },
      'Upstash-Flow-Control-Key',
    ],
    [{ 'Upstash-Flow-Control-Key': 'a', 'Upstash-Flow-Control-Value': 'period=1s' }, 'at least one of'],
    [{ 'Upstash-Flow-Control-Key': 'a', 'Upstash-Flow-Control-Value': 'rate=0' }, 'whole numbers from 1'],
    [{ 'Upstash-Flow-Control-Key': 'a', 'Upstash-Flow-Control-Value': 'speed=1' }, 'has "speed"'],
    [{ 'Upstash-Redact-Fields': 'url' }, 'Upstash-Redact-Fields has "url"'],
    [{ 'Upstash-Deduplication-Id': '' }, 'Upstash-Deduplication-Id must have 1 to 255'],
    [{ 'Upstash-Content-Based-Deduplication': 'yes' }, 'must be true or false'],
    [{ 'Upstash-Forward-X-Forwarded-For': '1.2.3.4' }, 'Upstash-Forward-X-Forwarded-For is set by'],
    [
      { 'Upstash-Forward-A': 'ü' },
      'Upstash-Forward-A must be printable ASCII of at most 4096 characters; this one has U+00FC',
    ],
    [{ 'Upstash-Label': 'a\0b' }, 'Upstash-Label must have no control characters'],
    [{ 'Upstash-Callback-Label': 'a\nb' }, 'Upstash-Callback-Label must have no control characters'],
    [
      { 'Upstash-Failure-Callback-Flow-Control-Key': 'a\0' },
      'Upstash-Failure-Callback-Flow-Control-Key must have no control characters',
    ],
  ])('are refused where %o is wrong', (headers, message) => {
    expect(() => read(headers as Record<string, string>)).toThrow(message);
  });
});
