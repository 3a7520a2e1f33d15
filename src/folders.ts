import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FilesConfig } from './config/config.js';
import type { Env } from './config/env.js';
import { SettingError } from './config/settings.js';

/** A folder that this process writes to, and the setting that names it. */
export interface WrittenFolder {
  readonly setting: 'RINGBACK_DATA_DIR' | 'RINGBACK_FILES_URL';
  readonly path: string;
}

/** The folders that a process of this environment writes to. */
export function writtenFolders(env: Env): WrittenFolder[] {
  const { folder, s3 } = filesPlace(env);
  const keepsFiles = s3 === undefined && env.RINGBACK_FILES_URL !== undefined;
  const needsData =
    env.DATABASE_URL === undefined || (s3 === undefined && env.RINGBACK_FILES_URL === undefined);
  return [
    ...(needsData ? [{ setting: 'RINGBACK_DATA_DIR', path: env.RINGBACK_DATA_DIR } as const] : []),
    ...(keepsFiles ? [{ setting: 'RINGBACK_FILES_URL', path: folder } as const] : []),
  ];
}

/** Makes them, and refuses one that can't be written, before anything else meets it. */
export function checkFolders(env: Env): void {
  for (const folder of writtenFolders(env)) {
    try {
      mkdirSync(folder.path, { recursive: true });
      accessSync(folder.path, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw asFolderError(error, folder);
    }
  }
}

/** What a failure to write there means, with the remedy. */
export function asFolderError(error: unknown, { setting, path }: WrittenFolder): SettingError {
  const { code } = error as NodeJS.ErrnoException;
  return new SettingError(
    `${setting}: the folder ${path} cannot be written (${code}): let this user write there, or name another`,
    { settings: [setting] },
  );
}

/** Where files are: in a folder, or in a bucket. */
export function filesPlace(env: Env): Pick<FilesConfig, 'folder' | 's3'> {
  const folder = join(env.RINGBACK_DATA_DIR, 'files');
  const place = env.RINGBACK_FILES_URL ?? { folder };
  if ('folder' in place) return { folder: place.folder, s3: undefined };
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  return { folder, s3: { ...place, endpoint, region: env.AWS_REGION } };
}
