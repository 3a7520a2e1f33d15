import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { parseSecretKeys, SecretKeysError } from '../../src/config/secret-keys.js';
import { SecretBox, SecretBoxError, type SecretPlace } from '../../src/signing/secret-box.js';
import {
  newSigningKeyPair,
  newSigningSecret,
  publicKeyOf,
  signatureHeaders,
  signEd25519,
  signGithub,
  SigningSecretError,
  signStandard,
  signStripe,
  verifyStandard,
} from '../../src/signing/signature.js';

interface Vector {
  scheme: string;
  secret: string;
  privateKey: string;
  publicKey: string;
  id: string;
  timestamp: number;
  body: string;
  signature: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../data/webhook-vectors.json', import.meta.url), 'utf8'),
) as Vector[];

function vectorsOf(scheme: string): Vector[] {
  const found = VECTORS.filter((vector) => vector.scheme === scheme);
  expect(found).not.toHaveLength(0);
  return found;
}

describe('A signature', () => {
  it('equals the Standard Webhooks vector', () => {
    for (const vector of vectorsOf('standard-webhooks/v1')) {
      expect(signStandard({ ...vector, secrets: [vector.secret] })).toBe(vector.signature);
    }
  });

  it('equals the Ed25519 vector, whose key pair belongs together', () => {
    for (const vector of vectorsOf('standard-webhooks/v1a')) {
      expect(signEd25519(vector)).toBe(vector.signature);
      expect(publicKeyOf(vector.privateKey)).toBe(vector.publicKey);
    }
  });

  it('equals the GitHub vectors', () => {
    for (const { secret, body, signature } of vectorsOf('github'))
      expect(signGithub(secret, body)).toBe(signature);
  });

  it('equals the Stripe vector', () => {
    for (const { secret, timestamp, body, signature } of vectorsOf('stripe')) {
      expect(signStripe([secret], timestamp, body)).toBe(signature);
    }
  });

  it('is the same for a body given as text and as bytes, also beyond ASCII', () => {
    const request = {
      secrets: [newSigningSecret()],
      id: 'dlv_1',
      timestamp: 1_700_000_000,
      body: '{"a":"é✓🎉"}',
    };
    expect(signStandard({ ...request, body: Buffer.from(request.body) })).toBe(signStandard(request));
  });

  it('is the same for a secret with and without base64 padding', () => {
    const secret = newSigningSecret();
    const request = { id: 'dlv_1', timestamp: 1_700_000_000, body: '{}' };
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(signStandard({ ...request, secrets: [secret.replace('=', '')] })).toBe(
      signStandard({ ...request, secrets: [secret] }),
    );
  });

  it('is refused, without showing the secret, when the secret is malformed or there is none', () => {
    const request = { id: 'dlv_1', timestamp: 1, body: '{}' };
    const refused = (secrets: string[]): unknown => {
      try {
        return signStandard({ ...request, secrets });
      } catch (error) {
        return error;
      }
    };
    for (const secret of [
      '',
      'topsecret',
      'whsec_',
      'whsec_top secret',
      'whsec_dG9wc2Vj-_',
      'WHSEC_dG9wc2Vj',
    ]) {
      const error = refused([secret]);
      expect(error).toBeInstanceOf(SigningSecretError);
      expect(error).toMatchObject({ code: 'malformed_secret' });
      expect((error as Error).message).not.toContain('top');
    }
    expect(refused([])).toMatchObject({ code: 'no_secret' });
  });
});

describe('A verifier', () => {
  const [newest, previous] = [newSigningSecret(), newSigningSecret()];
  const body = JSON.stringify({ type: 'operation.finished', data: { text: 'Größe ✓' } });
  const request = {
    secrets: [newest, previous],
    id: 'dlv_0123',
    timestamp: Math.floor(Date.now() / 1000),
    body,
  };
  const headers = signatureHeaders('standard', request);

  it('of the npm packages standardwebhooks and svix accepts each of several valid secrets', () => {
    for (const secret of [newest, previous]) {
      expect(new StandardWebhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
      // svix answers nothing and throws when it refuses.
      expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow();
    }
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
  });

  it('refuses another secret, another body and another id', () => {
    const verifier = new StandardWebhook(newest);
    expect(() => new StandardWebhook(newSigningSecret()).verify(body, headers)).toThrow();
    expect(() => new SvixWebhook(newSigningSecret()).verify(body, headers)).toThrow();
    expect(() => verifier.verify(`${body} `, headers)).toThrow();
    expect(() => verifier.verify(body, { ...headers, 'webhook-id': 'dlv_other' })).toThrow();
  });

  it('of our own agrees with them', () => {
    const header = headers['webhook-signature'] ?? '';
    expect(verifyStandard({ ...request, secrets: [previous] }, header)).toBe(true);
    expect(verifyStandard({ ...request, secrets: [newSigningSecret()] }, header)).toBe(false);
    expect(verifyStandard({ ...request, body: `${body} ` }, header)).toBe(false);
    expect(verifyStandard(request, '')).toBe(false);
  });

  it('of Standard Webhooks accepts every profile, since each keeps the standard headers', () => {
    const { privateKey } = newSigningKeyPair();
    for (const profile of ['standard', 'standard+ed25519', 'github', 'stripe'] as const) {
      const sent = signatureHeaders(profile, { ...request, privateKey });
      expect(new StandardWebhook(newest).verify(body, sent)).toEqual(JSON.parse(body));
    }
  });
});

describe('A signature profile', () => {
  const secrets = [newSigningSecret(), newSigningSecret()];
  const request = { secrets, id: 'dlv_0123', timestamp: 1_700_000_000, body: '{"a":1}' };

  it('standard+ed25519 adds a v1a signature that the public key verifies', () => {
    const { privateKey, publicKey } = newSigningKeyPair();
    const signatures =
      signatureHeaders('standard+ed25519', { ...request, privateKey })['webhook-signature']?.split(' ') ?? [];
    expect(signatures.map((signature) => signature.split(',')[0])).toEqual(['v1', 'v1', 'v1a']);
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey.slice(5), 'base64').toString('base64url') },
      format: 'jwk',
    });
    const signed = Buffer.from(`${request.id}.${request.timestamp}.${request.body}`);
    expect(verify(null, signed, key, Buffer.from(signatures[2]?.slice(4) ?? '', 'base64'))).toBe(true);
  });

  it('standard+ed25519 names the remedy when the endpoint has no key', () => {
    expect(() => signatureHeaders('standard+ed25519', request)).toThrow(/needs a "whsk_" key/);
    expect(() => signatureHeaders('standard+ed25519', { ...request, privateKey: 'whsk_AAAA' })).toThrow(
      /64 bytes/,
    );
  });

  it("github signs with the newest secret's whole text", () => {
    expect(signatureHeaders('github', request)['x-hub-signature-256']).toBe(
      signGithub(secrets[0] ?? '', request.body),
    );
  });

  it('stripe signs with every secret', () => {
    const header = signatureHeaders('stripe', request)['stripe-signature'];
    expect(header).toMatch(/^t=1700000000,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
  });
});

describe('A secret box', () => {
  const [oldKey, newKey] = parseSecretKeys(
    `old:${Buffer.alloc(32, 1).toString('base64')}, new:${Buffer.alloc(32, 2).toString('base64')}`,
  );
  const place: SecretPlace = { account: '7', row: 'ep_1', column: 'secret' };
  const box = new SecretBox([oldKey!]);
  const codeOf = (open: () => string): string | undefined => {
    try {
      open();
      return undefined;
    } catch (error) {
      expect(error).toBeInstanceOf(SecretBoxError);
      return (error as SecretBoxError).code;
    }
  };

  it('opens what it sealed, whatever the text', () => {
    for (const plain of ['', 'whsec_x', 'Größe ✓ 🎉\n\0', 'x'.repeat(100_000)]) {
      expect(box.open(box.seal(plain, place), place)).toBe(plain);
    }
  });

  it('seals the same text differently each time, under the name of its key', () => {
    expect(box.seal('x', place)).not.toBe(box.seal('x', place));
    expect(box.seal('x', place)).toMatch(/^v1\.old\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/);
  });

  it('opens nothing that was moved to another account, row or column', () => {
    const sealed = box.seal('whsec_x', place);
    for (const moved of [{ account: '8' }, { row: 'ep_2' }, { column: 'callback_headers' as const }]) {
      expect(codeOf(() => box.open(sealed, { ...place, ...moved }))).toBe('not_authentic');
    }
    const slipping = box.seal('x', { ...place, account: 'a:b', row: 'c' });
    expect(codeOf(() => box.open(slipping, { ...place, account: 'a', row: 'b:c' }))).toBe('not_authentic');
  });

  it('opens nothing in which any character was changed', () => {
    const sealed = box.seal('whsec_x', place);
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
      expect(codeOf(() => box.open(changed, place))).toMatch(/^(malformed|unknown_key|not_authentic)$/);
    }
  });

  it('calls malformed what it never sealed', () => {
    const [version, id, iv, ciphertext, tag] = box.seal('whsec_x', place).split('.');
    const shortTag = [version, id, iv, ciphertext, tag?.slice(0, 8)].join('.');
    for (const sealed of ['', 'whsec_x', 'v1.old', 'v2.old.a.b.c', shortTag, `${box.seal('x', place)}.x`]) {
      expect(codeOf(() => box.open(sealed, place))).toBe('malformed');
    }
  });

  it('after a rotation seals with the new key and still opens with the old one, until that is dropped', () => {
    const sealed = box.seal('whsec_x', place);
    const rotated = new SecretBox([newKey!, oldKey!]);
    expect(rotated.open(sealed, place)).toBe('whsec_x');
    const again = rotated.seal('whsec_x', place);
    const dropped = new SecretBox([newKey!]);
    expect(dropped.open(again, place)).toBe('whsec_x');
    expect(codeOf(() => dropped.open(sealed, place))).toBe('unknown_key');
    expect(() => dropped.open(sealed, place)).toThrow(
      'the key "old", which is not configured: add it to RINGBACK_SECRET_KEYS',
    );
  });

  it('does not open with another key of the same name', () => {
    const other = new SecretBox([{ id: 'old', key: Buffer.alloc(32, 9) }]);
    expect(codeOf(() => other.open(box.seal('x', place), place))).toBe('not_authentic');
  });
});

describe('Secret keys', () => {
  const good = Buffer.alloc(32, 1).toString('base64');

  it.each([
    ['', 'no secret key given'],
    [good, 'secret key 1 has no name'],
    [`a:${good},`, 'secret key 2 has no name'],
    [`a b:${good}`, 'secret key 1 has an unusable name'],
    [`a.b:${good}`, 'secret key 1 has an unusable name'],
    ['a:AAAA', 'secret key "a" must be the base64 of 32 bytes, and is 3 bytes'],
    ['a:not base64!', 'secret key "a" must be the base64 of 32 bytes, and is something else'],
    [`a:${good},a:${good}`, 'two secret keys are named "a": rename one'],
  ])('%j are refused with a remedy', (text, message) => {
    expect(() => parseSecretKeys(text)).toThrow(SecretKeysError);
    expect(() => parseSecretKeys(text)).toThrow(message);
  });

  it('are needed by a secret box, each with 32 bytes', () => {
    expect(() => new SecretBox([])).toThrow('set RINGBACK_SECRET_KEYS');
    expect(() => new SecretBox([{ id: 'a', key: Buffer.alloc(16) }])).toThrow(
      'secret key "a" must have 32 bytes, not 16',
    );
  });
});
