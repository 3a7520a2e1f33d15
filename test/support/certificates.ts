import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a TLS server shows. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

const CURVE = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** An authority for one test; its certificates are good when `ca` is trusted. Needs `openssl` on the PATH. */
export class Authority implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'ringback-tls-'));
  private count = 0;

  constructor() {
    this.run(
      'req',
      '-x509',
      ...CURVE,
      '-days',
      '2',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=ca',
    );
  }

  get ca(): string {
    return this.read('ca.pem');
  }

  /** For a name (`IP:127.0.0.1`, `DNS:example.com`); with `days` below 0, one that has expired. */
  issue(name: string, days = 2): Certificate {
    const [key, request, cert, extension] = ['key', 'csr', 'pem', 'ext'].map(
      (kind) => `${this.count}.${kind}`,
    );
    this.count++;
    writeFileSync(join(this.folder, extension!), `subjectAltName=${name}`);
    this.run('req', ...CURVE, '-keyout', key!, '-out', request!, '-subj', '/CN=receiver');
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', extension!];
    this.run('x509', '-req', '-in', request!, ...by, '-days', String(days), '-out', cert!);
    return { key: this.read(key!), cert: this.read(cert!) };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  private run(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'ignore' });
  }

  private read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }
}
