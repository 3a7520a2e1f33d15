import { readFileSync } from 'node:fs';
import { verify, WebhookVerificationError } from 'ringback/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  newSigningKeyPair,
  newSigningSecret,
  signEd25519,
  signStandard,
} from '../../src/signing/signature.js';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';

interface Vector {
  scheme: string;
  secret?: string;
  publicKey?: string;
  id: string;
  timestamp: number;
  body: string;
  signature: string;
}

const VECTORS = (
  JSON.parse(readFileSync(new URL('../data/webhook-vectors.json', import.meta.url), 'utf8')) as Vector[]
).filter(({ scheme }) => scheme.startsWith('standard-webhooks/'));
const SECRET = newSigningSecret();
const NOW = 1_800_000_000;
const BODY = '{"name":"Zoë 💩"}';

function headersOf(timestamp: number | string = NOW, secret = SECRET): Record<string, string> {
  const signed = { id: 'dlv_1', timestamp: Number(timestamp), body: BODY };
  return {
    'webhook-id': 'dlv_1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signStandard({ ...signed, secrets: [secret] }),
  };
}

const now = NOW * 1000;
const refusal = (code: string) => expect.objectContaining({ name: 'WebhookVerificationError', code });

describe('ringback/verify', () => {
  it.each(VECTORS)('accepts the $scheme vector', async (vector) => {
    const headers = {
      'webhook-id': vector.id,
      'webhook-timestamp': String(vector.timestamp),
      'webhook-signature': vector.signature,
    };
    const key = vector.secret ?? vector.publicKey!;
    const options = { now: vector.timestamp * 1000 };
    expect(await verify(vector.body, headers, key, options)).toEqual(JSON.parse(vector.body));
    await expect(verify(`${vector.body} `, headers, key, options)).rejects.toThrow(WebhookVerificationError);
    await expect(verify(vector.body, headers, key)).rejects.toEqual(refusal('too_old'));
  });

  it('has vectors of both schemes', () => {
    expect(new Set(VECTORS.map(({ scheme }) => scheme)).size).toBe(2);
  });

  it('takes a string or bytes, and Headers or a record in any case', async () => {
    const headers = headersOf();
    const upper = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    for (const given of [headers, upper, new Headers(headers)]) {
      for (const body of [BODY, new TextEncoder().encode(BODY), Buffer.from(BODY)])
        expect(await verify(body, given, SECRET, { now })).toEqual({ name: 'Zoë 💩' });
    }
  });

  it('accepts any one of several secrets and keys, and any one of several signatures', async () => {
    const { privateKey, publicKey } = newSigningKeyPair();
    const other = newSigningSecret();
    const headers = headersOf();
    const both = `${signEd25519({ id: 'dlv_1', timestamp: NOW, body: BODY, privateKey })} v9,? ${headers['webhook-signature']}`;
    const signed = { ...headers, 'webhook-signature': both };
    for (const keys of [[other, SECRET], publicKey, [other, publicKey]])
      expect(await verify(BODY, signed, keys, { now })).toBeDefined();
    await expect(verify(BODY, headers, [other, publicKey], { now })).rejects.toEqual(refusal('no_match'));
    // A v1 signature made with the public key's text as its secret is no v1a.
    const confused = headersOf(NOW, publicKey.replace('whpk_', 'whsec_'));
    await expect(verify(BODY, confused, publicKey, { now })).rejects.toEqual(refusal('no_match'));
  });

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('misses %s', async (name) => {
    for (const value of [undefined, ''])
      await expect(verify(BODY, { ...headersOf(), [name]: value }, SECRET, { now })).rejects.toEqual(
        refusal('missing_header'),
      );
  });

  it.each(['soon', '1e9', '-1', ' 1', '1.5', '9'.repeat(16)])(
    'refuses the timestamp %j',
    async (timestamp) => {
      await expect(verify(BODY, headersOf(timestamp), SECRET, { now })).rejects.toEqual(
        refusal('malformed_timestamp'),
      );
    },
  );

  it('bounds the age by five minutes, or as told', async () => {
    for (const at of [NOW - 300, NOW + 300])
      expect(await verify(BODY, headersOf(at), SECRET, { now })).toBeDefined();
    await expect(verify(BODY, headersOf(NOW - 301), SECRET, { now })).rejects.toEqual(refusal('too_old'));
    await expect(verify(BODY, headersOf(NOW + 301), SECRET, { now })).rejects.toEqual(refusal('too_new'));
    expect(await verify(BODY, headersOf(NOW - 900), SECRET, { now, toleranceS: 900 })).toBeDefined();
  });

  it.each(['v1,', 'v1', 'v1,%%%', 'v2,AAAA', ','])('refuses the signature %j', async (signature) => {
    const headers = { ...headersOf(), 'webhook-signature': signature };
    await expect(verify(BODY, headers, SECRET, { now })).rejects.toEqual(refusal('no_match'));
  });

  it('tells faults of its own user apart', async () => {
    await expect(verify(BODY, headersOf(), [], { now })).rejects.toEqual(refusal('no_secret'));
    for (const secret of ['', 'secret', 'whsec_', 'whsec_%', 'whpk_AAAA', 'whsk_AAAA'])
      await expect(verify(BODY, headersOf(), secret, { now })).rejects.toEqual(refusal('malformed_secret'));
  });

  it.each([Number.NaN, Infinity, -1, '300' as unknown as number, null as unknown as number])(
    'fails closed where the tolerance or the time is %j',
    async (given) => {
      for (const options of [
        { now, toleranceS: given },
        { now: given, toleranceS: 300 },
      ])
        await expect(verify(BODY, headersOf(), SECRET, options)).rejects.toEqual(
          refusal('malformed_options'),
        );
    },
  );

  it('rejects with its own error whatever is missing or short', async () => {
    const none = undefined as never;
    for (const secrets of [none, null as never, []])
      await expect(verify(BODY, headersOf(), secrets, { now })).rejects.toEqual(refusal('no_secret'));
    const short = `whsec_${Buffer.alloc(15, 7).toString('base64')}`;
    for (const secrets of [short, [SECRET, short], [SECRET, none]])
      await expect(verify(BODY, headersOf(NOW, short), secrets, { now })).rejects.toEqual(
        refusal('malformed_secret'),
      );
    await expect(verify(BODY, none, SECRET, { now })).rejects.toEqual(refusal('missing_header'));
    await expect(verify({} as never, headersOf(), SECRET, { now })).rejects.toEqual(
      refusal('malformed_body'),
    );
    await expect(verify(BODY, headersOf(), SECRET, null as never)).rejects.toEqual(refusal('too_new'));
    const least = `whsec_${Buffer.alloc(16, 7).toString('base64')}`;
    expect(await verify(BODY, headersOf(NOW, least), least, { now })).toBeDefined();
  });

  it('uses no Node API and no package', () => {
    expect(readFileSync(new URL('../../src/verify.ts', import.meta.url), 'utf8')).not.toMatch(/^import /m);
  });
});

describe('ringback/verify, of real deliveries', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start();
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('accepts a callback with the account’s secret, and an Ed25519 endpoint’s with the published key', async () => {
    const client = await app.account('verifies');
    await using callback = await Receiver.answering(200);
    await using endpoint = await Receiver.answering(200);
    const made = await client.post('/v1/endpoints', {
      url: endpoint.url,
      signature_profile: 'standard+ed25519',
    });
    const { id } = await client.submit({ type: 'echo', input: BODY, callback: { url: callback.url } });
    const [first] = await callback.received(1);
    const data = expect.objectContaining({ id, result: BODY });
    expect(await verify(first!.body, first!.headers, await client.signingSecret())).toMatchObject({ data });
    const [second] = await endpoint.received(1);
    const { keys } = (await app.client.get(`/.well-known/webhook-keys/${made.body.id}`)).body;
    const publicKey = keys[0].public_key;
    for (const key of [publicKey, made.body.secret])
      expect(await verify(second!.body, second!.headers, key)).toMatchObject({ data });
    await expect(verify(`${second!.body} `, second!.headers, publicKey)).rejects.toEqual(refusal('no_match'));
  });
});
