import { access, constants, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asFolderError, type WrittenFolder, writtenFolders } from '../folders.js';
import { type Check, type Finding, green, red, yellow } from './finding.js';
import type { Surroundings } from './surroundings.js';

/** Bytes: what is written for a try, and what should be left. */
const TRIED = 256 * 1024;
const ENOUGH = 256 * 1024 * 1024;
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Whether the folders can be written, and their disks have room. */
export const folders: Check<Surroundings> = {
  name: 'folders',
  run: ({ env }) => Promise.all(writtenFolders(env).map(look)),
};

async function look(folder: WrittenFolder): Promise<Finding> {
  const { setting, path } = folder;
  try {
    const there = await nearest(path);
    await access(there, constants.W_OK | constants.X_OK);
    // What isn't there yet is made by a start; above it, nothing is ours to write.
    if (there === path) await tryOut(path);
    const { bavail, bsize } = await statfs(there);
    const left = bavail * bsize;
    if (left < TRIED) return full(folder);
    if (left < ENOUGH)
      return yellow(
        `${setting}: the disk of ${path} has only ${Math.round(left / 1_048_576)} MiB left: make room, or name another folder`,
      );
    return green(`${setting} ${path} can be written`);
  } catch (error) {
    if (FULL.has((error as NodeJS.ErrnoException).code ?? '')) return full(folder);
    return red(asFolderError(error, folder).message);
  }
}

function full({ setting, path }: WrittenFolder): Finding {
  return red(`${setting}: the disk of ${path} is full: make room, or name another folder`);
}

/** The folder itself, or what it would be made in. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await access(at, constants.F_OK);
      return at;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === dirname(at)) throw error;
    }
  }
}

/** A right isn't room: only a write shows both. */
async function tryOut(path: string): Promise<void> {
  const file = join(path, `.doctor-${process.pid}`);
  try {
    await writeFile(file, Buffer.alloc(TRIED), { flag: 'wx', flush: true });
  } finally {
    await rm(file, { force: true });
  }
}
