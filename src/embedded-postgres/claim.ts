import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from './binaries.js';
import { birthOf, readText } from './process.js';

/** Another service process that is alive works on this data folder. */
export class DataFolderInUseError extends Error {
  readonly code = 'DATA_FOLDER_IN_USE';
  override name = 'DataFolderInUseError';

  constructor(
    readonly dataDir: string,
    readonly pid: number,
  ) {
    super(
      `a Ringback runs here already (process ${pid}), on the data folder ${dataDir}: stop it first, ` +
        'or give this one a folder of its own with RINGBACK_DATA_DIR',
    );
  }
}

interface Owner {
  readonly pid: number;
  readonly born: string;
}

/**
 * One service process's exclusive hold on a data folder, kept in `<dataDir>/ringback.pid`. A claim ends with
 * `release` or with the process, however it dies.
 */
export class DataFolderClaim {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /** Throws `DataFolderInUseError` where a process that is alive has claimed the folder; makes nothing. */
  static checkFree(dataDir: string): void {
    let held: string | undefined;
    try {
      held = readText(pathIn(dataDir));
    } catch {
      // A folder that can't be read: what is wrong with it is said where it is made.
      return;
    }
    refuse(dataDir, held);
  }

  /** Claims the folder, or throws `DataFolderInUseError`; a claim whose process has died is set aside. */
  static take(dataDir: string): DataFolderClaim {
    const path = pathIn(dataDir);
    const text = `${process.pid}\n${birthOf(process.pid)}\n`;
    // The file appears under its name with its content in it, so that nobody ever reads half a claim.
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { mode: 0o644 });
    try {
      while (!linked(draft, path)) {
        const held = readText(path);
        refuse(dataDir, held);
        if (held !== undefined) setAside(path, held);
      }
    } finally {
      rmSync(draft, { force: true });
    }
    return new DataFolderClaim(path, text);
  }

  /** Gives the folder free; doing so twice, or after somebody removed the file, does no harm. */
  release(): void {
    if (readText(this.#path) === this.#text) rmSync(this.#path, { force: true });
  }
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'ringback.pid');
}

/** Throws where what is held is a claim of a process that is alive. */
function refuse(dataDir: string, held: string | undefined): void {
  const owner = held === undefined ? undefined : parseOwner(held);
  if (owner && birthOf(owner.pid) === owner.born) throw new DataFolderInUseError(dataDir, owner.pid);
}

/** Removes the claim of a dead process, and only that: another process may have replaced it since it was read. */
function setAside(path: string, expected: string): void {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if (readText(aside) !== expected) linked(aside, path);
  rmSync(aside, { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function parseOwner(text: string): Owner | undefined {
  const [pid, born] = text.split('\n');
  return pid && born && Number(pid) > 0 ? { pid: Number(pid), born } : undefined;
}
