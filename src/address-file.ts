import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpConfig } from './config/config.js';

/** Where the service listens, in its data folder: commands on the same machine find it by that. */
export class AddressFile {
  private readonly path: string;
  private readonly text: string;

  constructor(dataDir: string, { host, port }: Pick<HttpConfig, 'host' | 'port'>) {
    this.path = join(dataDir, 'address');
    const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    this.text = `http://${name.includes(':') ? `[${name}]` : name}:${port}\n`;
  }

  /** A folder that isn't there or can't be written has no service that keeps data in it. */
  write(): void {
    try {
      writeFileSync(this.path, this.text);
    } catch {
      // Then --url names it.
    }
  }

  /** Unless another service of the same folder has written its own meanwhile. */
  remove(): void {
    try {
      if (readFileSync(this.path, 'utf8') === this.text) rmSync(this.path);
    } catch {
      // Nothing is there.
    }
  }
}
