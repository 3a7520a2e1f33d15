import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../src/endpoints/events.js';
import { sampleOf } from '../../src/command/sample-event.js';
import type { Arrived } from '../../src/command/arrived-signature.js';
import { diagnose, type Known } from '../../src/command/signature-diagnosis.js';
import { fingerprintOf, signStandard } from '../../src/signing/signature.js';
import { App, TEST_KEY } from '../support/app.js';
import type { Client } from '../support/client.js';
import { commandOf, ringback } from '../support/command.js';
import { Receiver } from '../support/receiver.js';
import { Judge } from '../support/openapi.js';

const SECRET = `whsec_${Buffer.alloc(32, 251).toString('base64')}`;
const ID = 'dlv_0123';
const NOW = 1_790_000_000_000;
const TIME = NOW / 1000;
const BODY = '{"type":"operation.finished","data":{"name":"Zoë"}}';
const SIGNATURE = signStandard({ id: ID, timestamp: TIME, body: BODY, secrets: [SECRET] });

interface Changes extends Partial<Omit<Arrived, 'headers' | 'body'>> {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** What arrived, but for some changes. */
function arrived({ headers, body = BODY, ...rest }: Changes): Arrived {
  const usual = { 'webhook-id': ID, 'webhook-timestamp': String(TIME), 'webhook-signature': SIGNATURE };
  return {
    ...{
      headers: { ...usual, ...headers },
      body: Buffer.from(body),
      secrets: [SECRET],
      now: NOW,
      toleranceS: 300,
    },
    ...rest,
  };
}

const wrongOf = (changes: Changes, known?: Known | null): string[] =>
  diagnose(arrived(changes), known)
    .findings.filter(({ isRight }) => isRight === false)
    .map(({ part, text }) => `${part}: ${text}`);

const mac = Buffer.from(SIGNATURE.slice(3), 'base64');
const older = `whsec_${randomBytes(32).toString('base64')}`;

describe('A signature', () => {
  it('that is right is told so, part by part', () => {
    const { isValid, findings } = diagnose(arrived({}));
    expect(isValid).toBe(true);
    expect(new Set(findings.map(({ part }) => part))).toEqual(
      new Set(['secret', 'id', 'body', 'encoding', 'time']),
    );
    expect(diagnose(arrived({ secrets: [older, SECRET] })).isValid).toBe(true);
    const two = { 'webhook-signature': `v1,${randomBytes(32).toString('base64')} v1a,x ${SIGNATURE}` };
    expect(diagnose(arrived({ headers: two })).isValid).toBe(true);
  });

  it.each<[string, Changes]>([
    ['time: it was signed 301 s ago', { now: NOW + 301_000 }],
    ['time: it was signed 400 s ahead', { now: NOW - 400_000 }],
    [
      'time: 1790000000 was signed, and webhook-timestamp is 1790000010',
      { headers: { 'webhook-timestamp': '1790000010' } },
    ],
    [
      'time: 1790000000 was signed, and webhook-timestamp is 1790000000000',
      { headers: { 'webhook-timestamp': String(NOW) } },
    ],
    [
      'headers: webhook-id and webhook-timestamp are missing',
      { headers: { 'webhook-id': '', 'webhook-timestamp': '' } },
    ],
    ['id: "dlv_0123" was signed, and webhook-id is "0123"', { headers: { 'webhook-id': '0123' } }],
    ['id: "dlv_0123" was signed, and webhook-id is "DLV_0123"', { headers: { 'webhook-id': 'DLV_0123' } }],
    ['body: a line end was added', { body: `${BODY}\n` }],
    ['body: a byte order mark', { body: `\ufeff${BODY}` }],
    ['body: it was parsed and written again', { body: JSON.stringify(JSON.parse(BODY), null, 4) }],
    [
      'body: it was parsed and written again',
      { body: String.raw`{"type":"operation.finished","data":{"name":"Zo\u00eb"}}` },
    ],
    ['body: it was read as Latin-1', { body: Buffer.from(BODY).toString('latin1') }],
    ['body: it was made a JSON string', { body: JSON.stringify(BODY) }],
    ['secret: it has space around it', { secrets: [`${SECRET}\n`], body: 'other' }],
    ['secret: it must begin with whsec_', { secrets: [SECRET.slice(6)] }],
    ['secret: it is base64url', { secrets: [SECRET.replaceAll('+', '-').replaceAll('/', '_')] }],
    ['secret: it is cut off', { secrets: [SECRET.slice(0, 20)] }],
    ['secret: it is a public key', { secrets: ['whpk_x'] }],
    [
      'encoding: the signature is right, but it is in hex',
      { headers: { 'webhook-signature': `v1,${mac.toString('hex')}` } },
    ],
    [
      'encoding: the signature is right, but it must stand as "v1,"',
      { headers: { 'webhook-signature': mac.toString('base64') } },
    ],
    [
      'encoding: the signature is right, but it must stand as "v1,"',
      { headers: { 'webhook-signature': SIGNATURE.replace(',', '=') } },
    ],
    [
      'encoding: the signature is right, but its padding',
      { headers: { 'webhook-signature': SIGNATURE.replace('=', '') } },
    ],
    [
      'encoding: the signature is right, but it is percent-encoded',
      { headers: { 'webhook-signature': `v1,${encodeURIComponent(SIGNATURE.slice(3))}` } },
    ],
    ['encoding: webhook-signature has no "v1,<base64>"', { headers: { 'webhook-signature': 'v2,abc' } }],
  ])('of which a part is wrong names it: %s', (text, changes) => {
    const [first, ...others] = wrongOf(changes);
    expect(first).toContain(text);
    expect(others).toEqual([]);
  });

  it('that was made with the text of the secret is told so', async () => {
    const { createHmac } = await import('node:crypto');
    const made = createHmac('sha256', SECRET).update(`${ID}.${TIME}.${BODY}`).digest('base64');
    expect(wrongOf({ headers: { 'webhook-signature': `v1,${made}` } })).toEqual([
      expect.stringContaining('secret: it was signed with the text of the secret'),
    ]);
  });

  it('of another secret, id or body is told apart by what the service has', () => {
    const known = { body: BODY, fingerprints: [fingerprintOf(SECRET)] };
    const other = {
      'webhook-signature': signStandard({ id: 'x', timestamp: TIME, body: 'y', secrets: [older] }),
    };
    expect(diagnose(arrived({ headers: other })).findings.map(({ isRight }) => isRight)).toEqual([
      null,
      null,
      null,
      true,
    ]);
    expect(wrongOf({ secrets: [older] }, known)).toEqual([
      expect.stringContaining('secret: it is none that signs'),
    ]);
    expect(wrongOf({ body: BODY.replace('Zoë', 'Joe') }, known)).toEqual([
      expect.stringMatching(/^body: from byte 45 it is not what was sent: .*Joe.*Zo/),
    ]);
    expect(wrongOf({ headers: { 'webhook-id': 'dlv_9' } }, null)).toEqual([
      expect.stringContaining('id: the service has no delivery dlv_9'),
    ]);
    expect(wrongOf({ headers: other }, known)).toEqual([
      expect.stringContaining('encoding: id, body and secret are right'),
    ]);
  });
});

describe('ringback verify', () => {
  let app: App;
  let folder: string;
  beforeAll(async () => {
    app = await App.start();
    folder = mkdtempSync(join(tmpdir(), 'ringback-verify-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await app[Symbol.asyncDispose]();
  });

  it('takes what arrived as it is, and asks the service where that tells more', async () => {
    await using receiver = await Receiver.answering(200);
    await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    const { headers, body } = (await receiver.received(1))[0]!;
    const { run } = commandOf(app.client.url, TEST_KEY);
    const given = ['verify', '--headers', JSON.stringify(headers)];
    // The secret is that of the account.
    expect(await run(given, { stdin: body })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The signature is right.'),
    });
    const changed = await run([...given, '--json'], { stdin: body.replace('Finished', 'Failed') });
    expect([changed.code, JSON.parse(changed.stdout)]).toEqual([
      1,
      expect.objectContaining({ ok: false, wrong: ['body'] }),
    ]);
    const other = await run([...given, '--secret', older], { stdin: body });
    expect([other.code, other.stderr]).toEqual([1, 'ringback: the signature is not right: secret\n']);
  });

  it('takes headers as lines, of a file too, and needs no service', async () => {
    const now = Math.floor(Date.now() / 1000);
    const signature = signStandard({ id: ID, timestamp: now, body: BODY, secrets: [SECRET] });
    const lines = `POST /hook HTTP/1.1\r\nWebhook-Id: ${ID}\r\nwebhook-timestamp: ${now}\r\nwebhook-signature: ${signature}\r\n\r\n{}`;
    writeFileSync(join(folder, 'headers'), lines);
    const given = ['verify', '--secret', SECRET, '--headers', '@headers'];
    expect(await ringback(given, { cwd: folder, stdin: BODY })).toMatchObject({ code: 0, stderr: '' });
    const aged = await ringback(
      [...given, '--tolerance', '0', '--headers', lines.replace(String(now), String(now - 60))],
      { cwd: folder, stdin: BODY },
    );
    expect([aged.code, aged.stderr]).toEqual([1, 'ringback: the signature is not right: time\n']);
    expect((await ringback(['verify', '--headers', 'nonsense'], { stdin: BODY })).code).toBe(2);
    const none = await ringback(['verify', '--headers', lines], { cwd: folder, stdin: BODY });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no secret is known')]);
  });

  it.each(EVENT_TYPES)('has samples to try: %s is as the document says', async (event) => {
    // The one that is built: only there what classes have is told.
    const document = JSON.parse(await readFile('openapi.json', 'utf8')) as unknown;
    const judge = await Judge.of({ get: () => Promise.resolve({ body: document }) } as unknown as Client);
    const { content } = judge.document.webhooks[event]!.post.requestBody!;
    expect(judge.wrong(content['application/json']!.schema, sampleOf(event, {}))).toEqual([]);
  });
});
