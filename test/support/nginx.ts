import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { freePort } from './app.js';

const PROGRAM = '/usr/sbin/nginx';

/** Without it there is no balancer to try; the gate has it. */
export const hasNginx = process.env.CI !== undefined || existsSync(PROGRAM);

/** How often it is looked who is ready; milliseconds. */
const LOOK_MS = 250;

/**
 * Debian's nginx in front of services, and what an ingress controller is beside it: asks each one's readiness, writes who is ready
 * into the configuration and has it read again. A request that fails isn't tried elsewhere, so that nothing covers an error. Callers
 * get a connection for each request: reading its configuration, nginx hangs up on idle ones, which may cost a caller its next request.
 */
export class Nginx implements AsyncDisposable {
  private written: string | undefined;
  private ended = false;
  private looking: Promise<void> = Promise.resolve();

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly ports: readonly number[],
    readonly url: string,
  ) {}

  static async before(ports: readonly number[]): Promise<Nginx> {
    const own = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'ringback-nginx-'));
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    await writeFile(
      join(folder, 'nginx.conf'),
      `
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      worker_processes 1;
      daemon off;
      pid ${folder}/pid;
      error_log ${folder}/error.log;
      events { worker_connections 1024; }
      http {
        access_log off;
        keepalive_timeout 0;
        ${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
        include ${folder}/upstream.conf;
        server {
          listen 127.0.0.1:${own};
          location / {
            proxy_pass http://services;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
          }
        }
      }`,
    );
    await writeFile(join(folder, 'upstream.conf'), upstream(ports));
    const child = spawn(PROGRAM, ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
      stdio: 'ignore',
    });
    const nginx = new Nginx(child, folder, ports, `http://127.0.0.1:${own}`);
    await expect
      .poll(() =>
        fetch(`${nginx.url}/health/live`).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      .toBe(true);
    nginx.looking = nginx.lookOn();
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended = true;
    await this.looking;
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async lookOn(): Promise<void> {
    for (; !this.ended; await delay(LOOK_MS)) {
      const ready = await Promise.all(this.ports.map(isReady));
      const text = upstream(this.ports.filter((_, nth) => ready[nth]));
      if (text === this.written || !ready.includes(true)) continue;
      this.written = text;
      await writeFile(join(this.folder, 'upstream.conf'), text);
      this.process.kill('SIGHUP');
    }
  }
}

function upstream(ports: readonly number[]): string {
  const servers = ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`);
  return `upstream services { ${servers.join(' ')} keepalive 32; }\n`;
}

function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
