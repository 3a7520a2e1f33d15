import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The first API key in the data folder, for whoever missed it on the screen, and for tools on the same machine. */
export class FirstKeyFile {
  readonly path: string;

  constructor(dataDir: string) {
    this.path = join(dataDir, 'first-key');
  }

  /** Written for this user alone, to the disk. */
  write(key: string): void {
    // One that is there already would keep its mode.
    rmSync(this.path, { force: true });
    writeFileSync(this.path, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true });
  }

  /** Null when there is none that can be read. */
  read(): string | null {
    try {
      return readFileSync(this.path, 'utf8').trim();
    } catch {
      return null;
    }
  }
}
