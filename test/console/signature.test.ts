import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSignature, fingerprintOf, signedHead } from '../../console/src/signature.js';
import { newSigningKeyPair, newSigningSecret, signatureHeaders } from '../../src/signing/signature.js';

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
const ATTEMPT = { id: 'dlv_1', timestamp: '1800000000', body: '{"name":"Zoë 💩"}' };
const SIGNED = { id: 'dlv_1', timestamp: 1_800_000_000, body: ATTEMPT.body };

describe('the signature check of the console', () => {
  it.each(VECTORS)('finds the $scheme vector signed with its key', async (vector) => {
    const attempt = { id: vector.id, timestamp: String(vector.timestamp), body: vector.body };
    const known = { header: vector.signature };
    const key = vector.secret ?? vector.publicKey!;
    expect(await checkSignature(key, attempt, known)).toMatchObject({ verdict: 'match', by: 'header' });
    const changed = { ...attempt, body: `${vector.body} ` };
    expect(await checkSignature(key, changed, known)).toMatchObject({ verdict: 'no_match', by: 'header' });
  });

  it.each(['standard', 'standard+ed25519', 'github', 'stripe'] as const)(
    'says the headers that the product sends with the profile %s',
    async (profile) => {
      const old = newSigningSecret();
      const { privateKey, publicKey } = newSigningKeyPair();
      const sent = signatureHeaders(profile, { ...SIGNED, secrets: [SECRET, old], privateKey });
      const result = await checkSignature(SECRET, ATTEMPT);
      if (result.kind !== 'checked') throw new Error(result.why);
      for (const { name, value } of result.expected) {
        const header = sent[name];
        if (header === undefined) continue;
        expect(await checkSignature(SECRET, ATTEMPT, { header }), value).toMatchObject({ verdict: 'match' });
        expect(await checkSignature(newSigningSecret(), ATTEMPT, { header })).toMatchObject({
          verdict: 'no_match',
        });
      }
      const header = sent['webhook-signature'];
      expect(await checkSignature(old, ATTEMPT, { header })).toMatchObject({ verdict: 'match' });
      expect(await checkSignature(publicKey, ATTEMPT, { header })).toMatchObject({
        verdict: profile === 'standard+ed25519' ? 'match' : 'no_match',
      });
    },
  );

  it('tells by its fingerprint whether a secret is one that signs', async () => {
    const fingerprints = [await fingerprintOf(newSigningSecret()), await fingerprintOf(SECRET)];
    const same = await checkSignature(` ${SECRET}\n`, ATTEMPT, { fingerprints });
    expect(same).toMatchObject({ verdict: 'match', by: 'fingerprint' });
    const other = await checkSignature(newSigningSecret(), ATTEMPT, { fingerprints });
    expect(other).toMatchObject({ verdict: 'no_match', by: 'fingerprint' });
    expect(await checkSignature(SECRET, ATTEMPT)).toMatchObject({ verdict: 'unknown', by: null });
  });

  it('shows the text before the body that is signed', () => {
    expect(signedHead(ATTEMPT)).toBe('dlv_1.1800000000.');
  });

  it.each(['', 'secret', 'whsec_', 'whsec_%%%', 'whpk_c2hvcnQ='])(
    'says of %j what is wrong with it',
    async (text) => {
      expect(await checkSignature(text, ATTEMPT)).toMatchObject({
        kind: 'malformed',
        why: expect.any(String),
      });
    },
  );
});
