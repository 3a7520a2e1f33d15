import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandEnv } from '../config/command-env.js';
import { CommandError } from './ending.js';

/** A service and a key of it, by a name of the user's. */
export interface Profile {
  readonly url: string;
  readonly key: string;
}

/** What `ringback login` has stored. */
export interface Profiles {
  /** Taken where none is named. */
  readonly current?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** Where profiles are: `~/.config/ringback/config.json`, or under XDG_CONFIG_HOME. */
export function profilesPath(): string {
  return join(commandEnv().configHome, 'ringback', 'config.json');
}

/** What is stored; nothing where the file isn't there. */
export function readProfiles(): Profiles {
  const path = profilesPath();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { profiles: {} };
    throw new CommandError(`${path} cannot be read (${code}): let this user read it, or move it away`);
  }
  const stored = parsed(text);
  if (!stored) throw new CommandError(`${path} is no file of profiles: mend it, or move it away`);
  return stored;
}

/** Stores profiles, for this user alone; a command that reads meanwhile sees the old ones or the new ones. */
export function writeProfiles(profiles: Profiles): void {
  const path = profilesPath();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600, flush: true });
  // One that a killed command left would keep its mode.
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
}

function parsed(text: string): Profiles | null {
  try {
    const value = JSON.parse(text) as Partial<Profiles> | null;
    const profiles = Object.entries(value?.profiles ?? {});
    const isWhole = profiles.every(([, { url, key }]) => typeof url === 'string' && typeof key === 'string');
    return value && isWhole ? { ...value, profiles: Object.fromEntries(profiles) } : null;
  } catch {
    return null;
  }
}
