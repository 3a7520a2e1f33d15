import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { FilesConfig } from '../config/config.js';
import { FileMissingError, StorageUnavailableError } from './storage-errors.js';

/** A part of a file: first and last byte, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the bytes of files are. Names are ids made by us, never a caller's text. One that cannot be reached fails with a
 * `StorageUnavailableError`.
 */
export abstract class FileStorage {
  /** Stores all of the stream, or nothing; rejects with the stream's own error where that is what broke. */
  abstract write(id: string, stream: Readable): Promise<void>;
  /** Rejects before there is a byte where the storage has none: `FileMissingError`. */
  abstract read(id: string, range?: ByteRange): Promise<Readable>;
  /** Removes; what isn't there counts as removed. */
  abstract remove(id: string): Promise<void>;
  /** What is wrong with a storage that is elsewhere, and the remedy; null while it can be used. A local one has no such check. */
  trouble?(): Promise<string | null>;
}

/** Files in a local folder, spread over sub-folders by the first digits of their id. */
@Injectable()
export class LocalFileStorage extends FileStorage {
  constructor(private readonly config: FilesConfig) {
    super();
  }

  async write(id: string, stream: Readable): Promise<void> {
    const path = this.path(id);
    const unfinished = `${path}.part`;
    try {
      await serving(mkdir(dirname(path), { recursive: true, mode: 0o700 }));
      await writeAll(unfinished, stream);
      await serving(rename(unfinished, path));
      await serving(flushFolder(dirname(path)));
    } catch (error) {
      // What can't be written to may not let anything be removed either.
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async read(id: string, range?: ByteRange): Promise<Readable> {
    const file = await open(this.path(id)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new FileMissingError(id) : new StorageUnavailableError(error);
    });
    return file.createReadStream(range);
  }

  async remove(id: string): Promise<void> {
    await rm(this.path(id), { force: true });
    await rm(`${this.path(id)}.part`, { force: true });
  }

  private path(id: string): string {
    const digits = id.slice(id.indexOf('_') + 1);
    return join(this.config.folder, digits.slice(0, 2), digits.slice(2, 4), id);
  }
}

/** Errors of the stream stay what they are: they are no fault of the storage. */
async function writeAll(path: string, stream: Readable): Promise<void> {
  await using file = await serving(open(path, 'w', 0o600));
  for await (const chunk of stream as AsyncIterable<Buffer>) await serving(file.writeFile(chunk));
  // Before the rename: a row must never name a file that a power cut took.
  await serving(file.sync());
}

/** A folder that is read-only, full or broken is a storage that is away: another time it may serve. */
async function serving<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new StorageUnavailableError(error);
  }
}

/** Makes a rename last through a power cut. Windows has no such flush, and needs none. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using folder = await open(path);
  await folder.sync();
}
