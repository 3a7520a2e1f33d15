import { createHash } from 'node:crypto';
import { finished, type Readable, Transform } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import pLimit from 'p-limit';
import { FilesConfig } from '../config/config.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { rideOut } from '../database/ride-out.js';
import { randomId } from '../database/random-id.js';
import { FileEntity } from './file.entity.js';
import { type ByteRange, FileStorage } from './file-storage.js';
import { FileStore, type Keep, type NewFile } from './file.store.js';
import { StorageUnavailableError } from './storage-errors.js';

/** Files deleted at once; on a store elsewhere each is a request. */
const MAX_DELETIONS = 16;

/** An id; without its prefix it is a token of the trm face. */
const ID = /^(?:file_)?([0-9a-f]{32})$/;

const NAMED = /(?:file_|")([0-9a-f]{32})(?![0-9a-f])/g;

/** What a caller of `save` may rely on. Sizes are bytes, `sha256` is lower-case hex. */
export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256: string;
}

export interface FileDescription {
  readonly accountId: string;
  readonly name: string;
  readonly contentType: string;
  /** When the file may be deleted; null keeps it, and by default it is kept as long as the default class says. */
  readonly expiresAt?: Date | null;
  /** Request id of the operation that stores it: the file then expires with that. */
  readonly operationId?: string;
  /** More bytes than this are refused with a `FileTooLargeError`. */
  readonly mostBytes?: number;
  /** An outage of PostgreSQL is ridden out until this fires; where it isn't given, the outage is the answer. */
  readonly patience?: AbortSignal;
}

/** The stream had more bytes than allowed; nothing was stored. */
export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';
  readonly code = 'body-too-large';

  constructor(readonly mostBytes: number) {
    super(`a file may have at most ${mostBytes} bytes`);
  }
}

/** Stores results and uploads: bytes as streams into the file storage, the rest in a row. */
@Injectable()
export class FilesService {
  private readonly logger = new Logger('Files');

  constructor(
    private readonly store: FileStore,
    private readonly storage: FileStorage,
    private readonly config: FilesConfig,
  ) {}

  /** Stores the stream whole. Nobody finds the file before its bytes are there, and a crash leaves none that no row knows of. */
  async save(stream: Readable, description: FileDescription): Promise<StoredFile> {
    const id = randomId('file_');
    const known = { id, name: cleanName(description.name), contentType: cleanType(description.contentType) };
    const { accountId, operationId = null, patience } = description;
    const impatient = (): boolean => patience?.aborted ?? true;
    // Piped before the row is written: what the stream has already must not be missed.
    const measured = measure(stream, description.mostBytes);
    try {
      await this.write({ ...known, accountId, operationId }, measured.stream, impatient);
    } catch (error) {
      measured.stream.destroy();
      // A storage that is away would keep the caller waiting for the same answer once more.
      const gone = error instanceof StorageUnavailableError ? this.store.abandon(id) : this.delete([id]);
      await gone.catch(() => undefined);
      throw error;
    }
    const file = { ...known, size: measured.size(), sha256: measured.sha256() };
    const finish = (): Promise<boolean> => this.store.finish(file, this.keep(description));
    if (!(await rideOut(finish, impatient))) {
      await this.storage.remove(id);
      throw new Error(`the file ${id} was written for longer than files may be, and has been deleted`);
    }
    return file;
  }

  /** The row, then the bytes; in an outage the bytes, then the row: what sends them, perhaps an upstream, may not wait. */
  private async write(file: NewFile, stream: Readable, impatient: () => boolean): Promise<void> {
    const begin = (): Promise<void> => this.store.begin(file);
    const begun = await begin().then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError) || impatient()) throw error;
        return false;
      },
    );
    await this.storage.write(file.id, stream);
    if (!begun) await rideOut(begin, impatient);
  }

  /** By its id, or by that without `file_`; of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<FileEntity | null> {
    const known = idOf(id);
    return known === null ? null : this.store.find(accountId, known);
  }

  open(file: { id: string }, range?: ByteRange): Promise<Readable> {
    return this.storage.read(file.id, range);
  }

  /** What is wrong with a storage that is elsewhere, and the remedy; undefined where files are local. */
  trouble(): Promise<string | null> | undefined {
    return this.storage.trouble?.();
  }

  /** Deletes; false when the account has no such file. */
  async remove(accountId: string, id: string): Promise<boolean> {
    const known = idOf(id);
    if (known === null || !(await this.store.condemn(accountId, known))) return false;
    await this.delete([known]);
    return true;
  }

  /** Deletes the bytes of files that are marked as going; those that can't be deleted now go with a later `sweep`. */
  async removeGoing(ids: readonly string[]): Promise<void> {
    await this.delete(ids);
  }

  /**
   * Deletes expired files, at most `most`; answers how many were looked at, or 0 when the rest must wait for a later call.
   * Marks first, then deletes the bytes, then the rows: wherever a crash comes between, the next call goes on.
   */
  async sweep(most: number): Promise<number> {
    const { looked, going } = await this.store.condemnExpired(most);
    return (await this.delete(going)) ? looked : 0;
  }

  /** False when it stopped before the end: a storage that is away would only keep us waiting. One file holds up no others. */
  private async delete(ids: readonly string[]): Promise<boolean> {
    const limit = pLimit(MAX_DELETIONS);
    const removed: string[] = [];
    const faults: unknown[] = [];
    const remove = async (id: string): Promise<void> => {
      if (faults.length >= MAX_DELETIONS) return;
      await this.storage.remove(id).then(
        () => removed.push(id),
        (error: unknown) => faults.push(error),
      );
    };
    await Promise.all(ids.map((id) => limit(remove, id)));
    if (faults.length > 0)
      this.logger.warn(`files could not be deleted, and are tried again: ${reasonOf(faults[0])}`);
    if (removed.length > 0) await this.store.forget(removed);
    return faults.length < MAX_DELETIONS;
  }

  private keep({ operationId, expiresAt }: FileDescription): Keep {
    if (expiresAt !== undefined) return expiresAt;
    return operationId === undefined ? { seconds: this.config.keptS } : null;
  }
}

/** The ids of files that a JSON text may name: anywhere in it, or without `file_` as the whole of a string. */
export function filesNamed(json: string): string[] {
  return [...new Set(Array.from(json.matchAll(NAMED), ([, hex]) => `file_${hex}`))];
}

/** Null for what is no id. Any text of a caller's may come here, NUL included, which PostgreSQL would refuse. */
function idOf(given: string): string | null {
  const hex = ID.exec(given)?.[1];
  return hex === undefined ? null : `file_${hex}`;
}

/** Of an error of the storage, what it was made of: that says what is wrong with it. */
function reasonOf(fault: unknown): string {
  return String(fault instanceof StorageUnavailableError ? fault.cause : fault);
}

/** Passes a stream on, and knows how many bytes it had and what their digest is. */
function measure(
  stream: Readable,
  mostBytes = Infinity,
): { stream: Readable; size: () => number; sha256: () => string } {
  const hash = createHash('sha256');
  let size = 0;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(size > mostBytes ? new FileTooLargeError(mostBytes) : null, chunk);
    },
  });
  // It may break before the storage listens, and an error that nobody hears would end the process.
  measured.on('error', () => undefined);
  // Also where the stream is destroyed without an error. (`pipeline` would destroy it for a fault of ours too, and with it
  // the connection that is to carry the answer.)
  finished(stream, { writable: false }, (error) => error && measured.destroy(error));
  return { stream: stream.pipe(measured), size: () => size, sha256: () => hash.digest('hex') };
}

/** What a header can carry; bytes of any other type are just bytes. */
function cleanType(contentType: string): string {
  return /^[\x20-\x7e]{1,255}$/.test(contentType) ? contentType : 'application/octet-stream';
}

/** A file name is shown and sent in headers, never used as a path: only what both can't bear is taken out. */
function cleanName(name: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const cleaned = name
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .replace(/^.*[\\/]/, '')
    .slice(0, 255)
    .toWellFormed();
  return cleaned === '' ? 'unnamed' : cleaned;
}
