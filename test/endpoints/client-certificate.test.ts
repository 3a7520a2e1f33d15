import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pemFile } from '../../src/config/settings.js';
import { App } from '../support/app.js';
import { Authority } from '../support/certificates.js';
import { rowsOf } from '../support/database.js';
import { everyRow } from '../support/rows.js';

const authority = new Authority();
const stranger = new Authority();
const shown = authority.issue('DNS:ringback.example.com');
const CERTIFICATE = `${shown.cert}${shown.key}`;

/** A receiver that lets in only whom the authority has certified; the serial numbers that it saw. */
class Gatekeeper implements AsyncDisposable {
  readonly seen: string[] = [];
  private constructor(private readonly server: Server) {}

  static async listening(): Promise<Gatekeeper> {
    const options = { ...authority.issue('IP:127.0.0.1'), ca: authority.ca, requestCert: true };
    const server = createServer({ ...options, rejectUnauthorized: true });
    const gatekeeper = new Gatekeeper(server);
    server.on('request', (request, response) => {
      gatekeeper.seen.push((request.socket as TLSSocket).getPeerCertificate().serialNumber);
      request.resume().on('end', () => response.writeHead(200, { 'webhook-allowed-origin': '*' }).end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return gatekeeper;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let app: App;
beforeAll(async () => {
  app = await App.start({ egress: { ca: [authority.ca] } });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

const ended = async (endpoint: string, status: string): Promise<any> => {
  const look = async () => (await app.client.get(`/v1/deliveries?endpoint=${endpoint}`)).body.data.at(-1);
  await expect.poll(look, { timeout: 10_000 }).toMatchObject({ status });
  return app.client.delivery((await look()).id);
};

describe('an endpoint with a client certificate', () => {
  it('shows it to a receiver that lets in nobody else, and to the handshake; answers never hold it', async () => {
    await using receiver = await Gatekeeper.listening();
    const { url } = receiver;
    const made = await app.client.post('/v1/endpoints', {
      url,
      handshake: true,
      client_certificate: CERTIFICATE,
    });
    expect(made.status).toBe(201);
    const told = {
      subject: 'CN=receiver',
      ends_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    };
    expect(made.body.client_certificate).toEqual(told);
    await app.client.submit({ type: 'echo' });
    await ended(made.body.id, 'Delivered');
    expect(receiver.seen).toEqual([receiver.seen[0], receiver.seen[0]]);
    const read = await app.client.get(`/v1/endpoints/${made.body.id}`);
    expect(read.body.client_certificate).toEqual(told);
    for (const { text } of [made, read, await app.client.get('/v1/endpoints')])
      expect(text).not.toMatch(/BEGIN|PRIVATE/);
    const rows = JSON.stringify(await everyRow(app.databaseUrl));
    expect(rows).not.toMatch(/BEGIN (?:CERTIFICATE|PRIVATE)/);
    await app.client.request('DELETE', `/v1/endpoints/${made.body.id}`);
  });

  it('keeps it through other changes, and has none after null: then the receiver refuses', async () => {
    await using receiver = await Gatekeeper.listening();
    const { body: endpoint } = await app.client.post('/v1/endpoints', {
      url: receiver.url,
      client_certificate: CERTIFICATE,
      retry_schedule: [],
    });
    const change = async (given: object): Promise<any> =>
      (await app.client.request('PATCH', `/v1/endpoints/${endpoint.id}`, given)).body.client_certificate;
    expect(await change({ description: 'other' })).toEqual(endpoint.client_certificate);
    await app.client.submit({ type: 'echo' });
    await ended(endpoint.id, 'Delivered');
    expect(await change({ client_certificate: null })).toBeNull();
    await app.client.submit({ type: 'echo' });
    const { attempts } = await ended(endpoint.id, 'Exhausted');
    expect(attempts[0].error).toMatch(/^tls_error: .* \(ERR_SSL_\w*CERTIFICATE_REQUIRED\)$/);
    expect(receiver.seen).toHaveLength(1);
    await app.client.request('DELETE', `/v1/endpoints/${endpoint.id}`);
  });

  const expired = authority.issue('DNS:old.example.com', -1);
  const other = stranger.issue('DNS:other.example.com');
  it.each([
    ['no PEM', 'hello', 'holds no certificate'],
    ['no key', shown.cert, 'holds no private key'],
    ['a key of another certificate', `${shown.cert}${other.key}`, 'of another certificate'],
    ['a key under a passphrase', `${shown.cert}${encrypted(shown.key)}`, 'encrypted private key'],
    ['a certificate that has ended', `${expired.cert}${expired.key}`, 'has ended'],
    ['a broken certificate', CERTIFICATE.replace(/MII./, 'MIIx'), 'cannot be read'],
    ['too much', 'x'.repeat(32_769), 'shorter than or equal to 32768'],
    ['a number', 7, 'must be'],
  ])('is refused with %s', async (_kind, client_certificate, message) => {
    const url = 'https://example.com/hook';
    const refused = await app.client.post('/v1/endpoints', { url, client_certificate });
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'client_certificate' }] } });
    expect(refused.body.errors[0].message).toContain(message);
    expect(await rowsOf(app.databaseUrl, 'SELECT id FROM endpoint')).toEqual([]);
  });
});

/** The same key under a passphrase. */
function encrypted(key: string): string {
  const args = ['pkcs8', '-topk8', '-v2', 'aes256', '-passout', 'pass:secret'];
  return execFileSync('openssl', args, { input: key, stdio: ['pipe', 'pipe', 'ignore'] }).toString();
}

describe('RINGBACK_EGRESS_CA', () => {
  it('is a file of certificates, and a start says where it is none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringback-ca-'));
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const both = file('both.pem', `# ours\n${authority.ca}\n${stranger.ca}`);
    expect(pemFile(both).map((pem) => pem.trim())).toEqual(
      [authority.ca, stranger.ca].map((pem) => pem.trim()),
    );
    expect(() => pemFile(file('key.pem', shown.key))).toThrow(/key\.pem holds no PEM certificate/);
    expect(() => pemFile(file('broken.pem', authority.ca.replace(/MII./, 'MIIx')))).toThrow(/broken\.pem/);
    expect(() => pemFile(join(folder, 'none.pem'))).toThrow(/none\.pem/);
    rmSync(folder, { recursive: true });
  });
});
