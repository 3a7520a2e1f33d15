import { createHash, randomBytes } from 'node:crypto';
import { finished, type Readable, Transform } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { FileEntity } from './file.entity.js';
import { type ByteRange, FileStorage } from './file-storage.js';
import { FileStore } from './file.store.js';

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
  /** When the file may be deleted; null keeps it. */
  readonly expiresAt?: Date | null;
  /** More bytes than this are refused with a `FileTooLargeError`. */
  readonly mostBytes?: number;
}

/** The stream had more bytes than allowed; nothing was stored. */
export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';
  readonly code = 'body-too-large';

  constructor(mostBytes: number) {
    super(`a file may have at most ${mostBytes} bytes`);
  }
}

/** Stores results and uploads: bytes as streams into the file storage, the rest in a row. */
@Injectable()
export class FilesService {
  constructor(
    private readonly store: FileStore,
    private readonly storage: FileStorage,
  ) {}

  /** Stores the stream whole; the row comes after the bytes, so that a crash leaves no row without them. */
  async save(stream: Readable, description: FileDescription): Promise<StoredFile> {
    const id = `file_${randomBytes(16).toString('hex')}`;
    const hash = createHash('sha256');
    const { mostBytes = Infinity } = description;
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
    await this.storage.write(id, stream.pipe(measured));
    const file = {
      id,
      name: cleanName(description.name),
      contentType: cleanType(description.contentType),
      size,
      sha256: hash.digest('hex'),
    };
    await this.store.add({
      ...file,
      accountId: description.accountId,
      expiresAt: description.expiresAt ?? null,
    });
    return file;
  }

  find(accountId: string, id: string): Promise<FileEntity | null> {
    return this.store.find(accountId, id);
  }

  open(file: { id: string }, range?: ByteRange): Readable {
    return this.storage.read(file.id, range);
  }

  /** Deletes; false when the account has no such file. */
  async remove(accountId: string, id: string): Promise<boolean> {
    const removed = await this.store.remove(accountId, id);
    if (removed) await this.storage.remove(id);
    return removed;
  }
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
