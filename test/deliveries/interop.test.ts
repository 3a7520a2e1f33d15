import { verify as githubVerify } from '@octokit/webhooks-methods';
import OpenAI from 'openai';
import { validateWebhook } from 'replicate';
import { Webhook } from 'standardwebhooks';
import { Stripe } from 'stripe';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { type Received, Receiver } from '../support/receiver.js';

/** Resolves true when the package accepts; false or a rejection is a refusal. */
type Verifier = (secret: string, received: Received) => Promise<boolean>;

const headersOf = ({ headers }: Received) => headers as Record<string, string>;
const openai = new OpenAI({ apiKey: 'unused' });

/** What every delivery must satisfy, whatever its profile. */
const STANDARD: Record<string, Verifier> = {
  standardwebhooks: async (secret, received) =>
    new Webhook(secret).verify(received.body, headersOf(received)) !== undefined,
  // Svix checks and answers nothing that is compared here: a refusal throws.
  svix: async (secret, received) => {
    new SvixWebhook(secret).verify(received.body, headersOf(received));
    return true;
  },
  openai: async (secret, received) =>
    (await openai.webhooks.unwrap(received.body, headersOf(received), secret)) !== undefined,
  replicate: (secret, { body, headers }) =>
    validateWebhook({
      id: String(headers['webhook-id']),
      timestamp: String(headers['webhook-timestamp']),
      signature: String(headers['webhook-signature']),
      body,
      secret,
    }),
};
const github: Verifier = (secret, { body, headers }) =>
  githubVerify(secret, body, String(headers['x-hub-signature-256']));
const stripe: Verifier = async (secret, { body, headers }) =>
  Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), secret) !== undefined;

/** The profiles, and every package that must take their deliveries. */
const PROFILES: [profile: string, packages: Record<string, Verifier>][] = [
  ['standard', STANDARD],
  ['standard+ed25519', STANDARD],
  ['github', { ...STANDARD, '@octokit/webhooks-methods': github }],
  ['stripe', { ...STANDARD, stripe }],
];

/** One byte of the body, and none of the JSON's syntax, is another. */
function tampered(received: Received): Received {
  const body = received.body.replace('"operation.finished"', '"operation.finisheD"');
  expect(body).not.toBe(received.body);
  return { ...received, body };
}

const accepts = (verifier: Verifier, secret: string, received: Received): Promise<boolean> =>
  verifier(secret, received).catch(() => false);

async function expectAccepted(
  packages: Record<string, Verifier>,
  secrets: string[],
  received: Received,
): Promise<void> {
  for (const [name, verifier] of Object.entries(packages)) {
    // Not by `accepts`: what a package says when it refuses belongs in the test's report.
    for (const secret of secrets) expect(await verifier(secret, received), name).toBe(true);
    expect(await accepts(verifier, secrets[0]!, tampered(received)), `${name}, tampered`).toBe(false);
  }
}

/** Non-ASCII, what JSON escapes, and what JavaScript alone breaks lines at. */
const INPUTS = ['plain', 'Zoë Привет 日本 💩', '\u2028\u0000"\\/\r\n'];

describe('A delivery, unmodified,', () => {
  let app: App;
  let count = 0;
  beforeAll(async () => {
    app = await App.start();
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('of an operation’s callback is accepted by every Standard Webhooks package', async () => {
    const client = await app.account(`interop-${++count}`);
    await using receiver = await Receiver.answering(200);
    const secret = await client.signingSecret();
    for (const input of INPUTS) await client.submit({ type: 'echo', input, callback: { url: receiver.url } });
    for (const received of await receiver.received(INPUTS.length))
      await expectAccepted(STANDARD, [secret], received);
  });

  it('of an operation’s callback is accepted with either secret during a rotation', async () => {
    const client = await app.account(`interop-${++count}`);
    await using receiver = await Receiver.answering(200);
    const old = await client.signingSecret();
    const fresh = (await client.post('/v1/signing-secret/rotate')).body.secret;
    await client.submit({ type: 'echo', input: INPUTS[1], callback: { url: receiver.url } });
    const [received] = await receiver.received(1);
    await expectAccepted(STANDARD, [old, fresh], received!);
  });

  it.each(PROFILES)(
    'to an endpoint with the profile %s is accepted by its packages',
    async (profile, packages) => {
      const client = await app.account(`interop-${++count}`);
      await using receiver = await Receiver.answering(200);
      const { body: made } = await client.post('/v1/endpoints', {
        url: receiver.url,
        signature_profile: profile,
      });
      for (const input of INPUTS) await client.submit({ type: 'echo', input });
      for (const received of await receiver.received(INPUTS.length))
        await expectAccepted(packages, [made.secret], received);
      const { secret } = (await client.post(`/v1/endpoints/${made.id}/rotate-secret`)).body;
      await client.submit({ type: 'echo', input: INPUTS[1] });
      const rotated = (await receiver.received(INPUTS.length + 1)).at(-1)!;
      const { '@octokit/webhooks-methods': one, ...others } = packages;
      await expectAccepted(others, [secret, made.secret], rotated);
      // GitHub's header holds one signature: only the newest secret makes it.
      if (one) {
        await expectAccepted({ one }, [secret], rotated);
        expect(await accepts(one, made.secret, rotated)).toBe(false);
      }
    },
  );
});
