import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One environment variable: its name, its default as text, what it is for, and how its text is read. */
export interface Setting<T, Name extends string = string> {
  readonly name: Name;
  readonly fallback: string | undefined;
  /** How the default reads in the documentation, where it isn't simply `fallback`. */
  readonly fallbackNote?: string;
  readonly description: string;
  /** Empty is a value of its own, and not as if the variable were unset. */
  readonly emptyIsGiven?: boolean;
  /** Reads the text; throws a `SettingError` that says what would be right. */
  readonly read: (text: string) => T;
}

/** A sentence, or how it is made in the words of a reader: an option of an embedding application has another name. */
export type Words = string | ((named: (setting: string) => string) => string);

/** Thrown at boot: names the variable, what is wrong with it and the remedy. */
export class SettingError extends Error {
  override readonly name: string = 'SettingError';
  // Private, so that logs show the sentence and nothing besides.
  readonly #settings: readonly string[];
  readonly #words: Words;

  constructor(
    words: Words,
    { settings = [], cause }: { settings?: readonly string[]; cause?: unknown } = {},
  ) {
    super(
      say(words, (setting) => setting),
      cause === undefined ? undefined : { cause },
    );
    this.#settings = settings;
    this.#words = words;
  }

  /** Names of the settings that are wrong. */
  get settings(): readonly string[] {
    return this.#settings;
  }

  /** The same to a reader who knows the settings by other names. */
  as(named: (setting: string) => string): SettingError {
    return new SettingError(this.inWords(named), {
      settings: this.settings.map((setting) => named(setting)),
      cause: this.cause,
    });
  }

  /** What is wrong, in the words of a reader. */
  inWords(named: (setting: string) => string): string {
    return say(this.#words, named);
  }
}

/** The sentence for a reader. */
export function say(words: Words, named: (setting: string) => string): string {
  return typeof words === 'string' ? words : words(named);
}

/** A setting that has a default. */
export function setting<const Name extends string, T>(
  name: Name,
  fallback: string,
  description: string,
  read: (text: string) => T,
  fallbackNote?: string,
): Setting<T, Name> {
  return { name, fallback, description, read, ...(fallbackNote === undefined ? {} : { fallbackNote }) };
}

/** A setting that may be absent: reads as `undefined` then. */
export function optional<const Name extends string, T>(
  name: Name,
  fallbackNote: string,
  description: string,
  read: (text: string) => T,
): Setting<T | undefined, Name> {
  return { name, fallback: undefined, fallbackNote, description, read };
}

export const text = (value: string): string => value;

export const commaList = (value: string): string[] =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Text that is kept as it is once `parse` has taken it: whoever uses it parses it again. */
export function parsable(parse: (value: string) => unknown): (value: string) => string {
  return (value) => {
    parse(value);
    return value;
  };
}

/** A number within bounds; `whole` refuses fractions. */
export function number(min: number, max: number, whole = true): (value: string) => number {
  return (value) => {
    const parsed = value.trim() === '' ? Number.NaN : Number(value);
    if (!Number.isFinite(parsed) || parsed < min || parsed > max || (whole && !Number.isInteger(parsed))) {
      throw new SettingError(`"${value}" is not a${whole ? ' whole' : ''} number from ${min} to ${max}`);
    }
    return parsed;
  };
}

export function boolean(value: string): boolean {
  if (/^(true|1|yes)$/i.test(value)) return true;
  if (/^(false|0|no|)$/i.test(value)) return false;
  throw new SettingError(`"${value}" is neither true nor false`);
}

export function oneOf<const V extends string>(...values: V[]): (value: string) => V {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new SettingError(`"${value}" is none of ${values.join(', ')}`);
    return found;
  };
}

/** An absolute URL of one of the given schemes (`['http:', 'https:']`). */
export function url(...schemes: string[]): (value: string) => string {
  return (value) => {
    if (!URL.canParse(value) || !schemes.includes(new URL(value).protocol)) {
      throw new SettingError(`it is not a URL that starts with ${schemes.join(' or ')}`);
    }
    return value;
  };
}

/** `http://user:password@host:port` of a proxy. What is refused is not repeated: it may hold a password. */
export function httpProxy(value: string): string {
  const parsed = URL.parse(url('http:')(value))!;
  const { username, password, pathname, search, hash } = parsed;
  if (`${pathname}${search}${hash}` !== '/')
    throw new SettingError(
      'it must be scheme, credentials, host and port only: http://user:password@proxy:3128',
    );
  try {
    decodeURIComponent(`${username}${password}`);
  } catch {
    throw new SettingError('its credentials hold a % that is not written %25');
  }
  return parsed.href;
}

/** The certificates of a PEM file. */
export function pemFile(value: string): string[] {
  const path = resolve(value);
  let pems: string[];
  try {
    pems =
      readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    pems = pems.map((pem) => new X509Certificate(pem).toString());
  } catch (error) {
    throw new SettingError(`${path} cannot be read as PEM certificates: ${String(error)}`);
  }
  if (pems.length === 0) throw new SettingError(`${path} holds no PEM certificate`);
  return pems;
}

/** Files of this machine, a comma list relative to the working directory. That they can be loaded is seen when they are. */
export function existingFiles(value: string): string[] {
  const paths = commaList(value);
  const missing = paths.find((path) => !existsSync(resolve(path)));
  if (missing !== undefined)
    throw new SettingError(`"${missing}" cannot be loaded: there is no file ${resolve(missing)}`);
  return paths;
}

/** Scheme, host and port of a server; a path, a query or a password would be ignored and is refused. */
export function origin(value: string): string {
  const parsed = URL.parse(url('http:', 'https:')(value))!;
  if (parsed.href !== `${parsed.origin}/`)
    throw new SettingError(`it must be scheme, host and port only, such as ${parsed.origin}`);
  return parsed.origin;
}

/** Where files are: a folder, or a bucket and what the keys in it begin with. */
export type FilesPlace = { readonly folder: string } | { readonly bucket: string; readonly prefix: string };

const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/(?!\.+(?:\/|$))[\w.!*'()-]+)*)\/?$/;

/** `file:///folder` or `s3://bucket/prefix`. The latter is a place only: passwords and servers in it are refused. */
export function filesUrl(value: string): FilesPlace {
  if (!value.startsWith('s3:')) return { folder: folderOf(url('file:', 's3:')(value)) };
  const [, bucket, path] = S3_URL.exec(value) ?? [];
  if (bucket === undefined || value.length > 512) {
    throw new SettingError(
      'it is neither s3://bucket nor s3://bucket/prefix, with a bucket of lower-case letters, digits, . and -; server and credentials go into AWS_… variables',
    );
  }
  return { bucket, prefix: path!.slice(1) };
}

function folderOf(value: string): string {
  try {
    return fileURLToPath(value);
  } catch {
    throw new SettingError('it names no folder of this machine; write file:///path');
  }
}

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** A length of time like `90d`, in seconds. */
export function duration(value: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(value.trim());
  if (!match) throw new SettingError(`"${value}" is not of the form 90d (units s, m, h, d)`);
  return Number(match[1]) * UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS];
}

/** Retention classes: `keep1d=1d,keep1w=7d` as a map from name to seconds. */
export function retentionClasses(value: string): Map<string, number> {
  const classes = new Map<string, number>();
  for (const entry of commaList(value)) {
    const match = /^([A-Za-z0-9_-]{1,32})=(\d{1,6})([smhd])$/.exec(entry);
    if (!match) throw new SettingError(`"${entry}" is not of the form name=7d (units s, m, h, d)`);
    const unit = match[3] as keyof typeof UNIT_SECONDS;
    classes.set(match[1]!, Number(match[2]) * UNIT_SECONDS[unit]);
  }
  if (!classes.has('keep1m'))
    throw new SettingError('the class keep1m is missing: it is the default of every operation');
  return classes;
}
