import { describe, expect, it } from 'vitest';
import { queryValue, routeOf, shownTarget, upstreamTarget } from '../../src/gateway/gateway-route.js';
import { endToEndHeaders } from '../../src/gateway/upstream-headers.js';

const RID = '0123456789abcdef0123456789abcdef';

const route = (target: string, more: object = {}) =>
  routeOf({
    method: 'GET',
    target,
    contentType: undefined,
    prefer: undefined,
    batchPaths: ['/batch'],
    ...more,
  });

describe('the gateway tells whose a request is:', () => {
  it.each([
    ['/bgrs/1', '/bgrs/1'],
    ['/v3/bgrs/1/details?limit=1', '/bgrs/1/details?limit=1'],
    ['/v3.14/bgrs', '/bgrs'],
    [`/media/keep1m.bgrs.${RID}.result.json`, `/bgrs/${RID}/result`],
    [`/v2.5/media/keep1m.bgrs.${RID}.result.n-gage?_token=x&bgrs=1`, `/bgrs/${RID}/result?_token=x&bgrs=1`],
    ['/v%33/%62grs/1?a=%62', '/bgrs/1?a=%62'],
  ])('%s is its own', (target, own) => expect(route(target)).toEqual({ kind: 'own', target: own }));

  it.each([
    '/',
    '/bgrsx',
    '/v3.1.4/bgrs/1',
    '/vx/bgrs/1',
    '/api/bgrs/1',
    '/media/logo.png',
    `/media/keep1m.bgrs.${RID}.result`,
    `/media/keep1m.bgrs.${RID}.result.tar.gz`,
    `/media/keep1m.bgrs.${RID.toUpperCase()}.result.json`,
    `/media/keep1m.bgrs.${RID}0.result.json`,
    `/media/keep9y.bgrs.${RID}.result.json`,
    `/media/keep1m.other.${RID}.result.json`,
    `/x/media/keep1m.bgrs.${RID}.result.json`,
    `/media/keep1m.bgrs.${RID}.result.json/x`,
    '/x?bgrs=no',
    '/x?bgrs=0',
    '/x?bgrs=false',
    '/x?xbgrs=yes',
    '/x?a=bgrs%3Dyes',
    '/x?a=1#bgrs=yes',
  ])('%s is the upstream’s', (target) => expect(route(target)).toEqual({ kind: 'pass' }));

  it.each(['/x?bgrs=yes', '/x?bgrs=1', '/x?a=1&bgrs=yes&b=2', '/x?%62grs=%79es', '/bgrsx?bgrs=1'])(
    '%s is made in the background',
    (target) => expect(route(target)).toEqual({ kind: 'background', batches: false, prefers: false }),
  );

  it('Prefer: respond-async asks for the background, unless bgrs=no', () => {
    expect(route('/x', { prefer: 'wait=5, respond-async' })).toMatchObject({
      kind: 'background',
      prefers: true,
    });
    expect(route('/x?bgrs=no', { prefer: 'respond-async' })).toEqual({ kind: 'pass' });
    expect(route('/x', { prefer: 'respond-asynchronously' })).toEqual({ kind: 'pass' });
  });

  it.each([
    ['POST', '/batch', 'application/json', 'array'],
    ['PUT', '/batch?x=1', 'application/json; charset=utf-8', 'array'],
    ['POST', '/b%61tch', 'application/json', 'array'],
    ['POST', '/b%2Fatch', 'application/json', 'pass'],
    ['DELETE', '/batch', 'Application/JSON', 'array'],
    ['PATCH', '/batch', 'application/json', 'pass'],
    ['POST', '/batch?bgrs=false', 'application/json', 'pass'],
    ['POST', '/batches', 'application/json', 'pass'],
    ['POST', '/batch', 'application/json-seq', 'pass'],
    ['POST', '/batch', undefined, 'pass'],
  ])('%s %s of type %s: %s', (method, target, contentType, kind) =>
    expect(route(target, { method, contentType }).kind).toBe(kind),
  );

  it('an array on a path of batches is one in a background request too, and nowhere else', () => {
    for (const [target, batches] of [
      ['/batch?bgrs=yes', true],
      ['/other?bgrs=yes', false],
    ] as const)
      expect(route(target, { method: 'POST', contentType: 'application/json' })).toEqual({
        kind: 'background',
        batches,
        prefers: false,
      });
  });

  it('another value of bgrs and an absolute target are refused', () => {
    for (const other of ['/x?bgrs=maybe', '/x?bgrs=', '/x?bgrs'])
      expect(route(other)).toMatchObject({ kind: 'refused', field: 'bgrs' });
    expect(route('http://elsewhere.example/')).toMatchObject({ kind: 'refused', field: 'url' });
  });
});

describe('the upstream gets the query', () => {
  it.each([
    ['/x?bgrs=yes', '/x'],
    ['/x?a=%7e&bgrs=1&b=+&callbackurl=https%3A%2F%2Fx&&c', '/x?a=%7e&b=+&&c'],
    ['/x?%62grs=1&a', '/x?a'],
    ['/x', '/x'],
    ['/x?', '/x?'],
    ['//x/../y?q=a?b&bgrs=1', '//x/../y?q=a?b'],
  ])('%s as %s', (target, expected) => expect(upstreamTarget(target)).toBe(expected));

  it('and people see no token in it, and no query of a callback URL', () => {
    expect(shownTarget('/x?a=1&_token=rb_secret&bgrs=1')).toBe('/x?a=1&_token=***&bgrs=1');
    expect(shownTarget('/x?callbackurl=https%3A%2F%2Fa%2F%3Fk%3Ds&b=?&callbackurl=https://a/')).toBe(
      '/x?callbackurl=https%3A%2F%2Fa%2F%3F***&b=?&callbackurl=https://a/',
    );
    expect(queryValue('/x?callbackurl=https%3A%2F%2Fa%2F%3Fb%3Dc', 'callbackurl')).toBe('https://a/?b=c');
  });

  it('and a callback URL keeps its +', () =>
    expect(queryValue('/x?callbackurl=https://a/?b=c+d%2Be', 'callbackurl')).toBe('https://a/?b=c+d+e'));
});

it('end-to-end headers keep order and case; those of the connection and ours are dropped', () => {
  expect(
    endToEndHeaders([
      ...['Host', 'a', 'X-B', '1', 'Connection', 'close, X-Hop', 'X-Hop', '1', 'x-b', '2', 'TE', 'trailers'],
      ...['X-Ringback-Key', 'rb_', 'Prefer', 'respond-async, wait=1', 'Content-Length', '3', 'Cookie', 'c=1'],
    ]),
  ).toEqual(['Host', 'a', 'X-B', '1', 'x-b', '2', 'Prefer', 'wait=1', 'Cookie', 'c=1']);
});
