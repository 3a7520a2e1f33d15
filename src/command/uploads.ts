import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import type { Transport } from '../client/transport.js';
import { UsageError } from './ending.js';
import { Progress } from './progress.js';

/** A file that becomes a member of an input. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/** Reads arguments of `name=@path`. */
export function namedFiles(texts: readonly string[]): NamedFile[] {
  return texts.map((text) => {
    const [, name, path] = /^([^=]+)=@?(.+)$/s.exec(text) ?? [];
    if (name === undefined || path === undefined)
      throw new UsageError(
        `--file ${JSON.stringify(text)}: give the member's name and the file, as in file=@pl.po`,
      );
    return { name, path };
  });
}

/** Uploads files, one after the other, and answers their ids by name. Nothing is uploaded where one can't be read. */
export async function uploadAll(
  api: Transport,
  files: readonly NamedFile[],
  isQuiet: boolean,
): Promise<Record<string, string>> {
  if (files.length === 0) return {};
  const blobs = await Promise.all(
    files.map(async ({ path }) => {
      try {
        return await openAsBlob(path);
      } catch (error) {
        throw new UsageError(`--file: ${path} cannot be read: ${(error as Error).message}`);
      }
    }),
  );
  using progress = new Progress(isQuiet || !process.stderr.isTTY);
  const ids: Record<string, string> = {};
  for (const [at, { name, path }] of files.entries()) {
    progress.tell(`uploading ${path}`);
    const { id } = await api.json<{ id: string }>({
      method: 'POST',
      path: '/v1/files',
      query: { name: basename(path) },
      bytes: blobs[at]!,
      repeatable: false,
      heldMs: UPLOAD_MS,
    });
    ids[name] = id;
  }
  return ids;
}

/** What an upload may take beyond a usual request: it is as large as it is. */
const UPLOAD_MS = 600_000;
