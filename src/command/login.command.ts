import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { RingbackClient } from '../client/index.js';
import { commandEnv } from '../config/command-env.js';
import { jsonOption } from './connection.js';
import { UsageError } from './ending.js';
import { examples } from './examples.js';
import { clean, printJson, write } from './output.js';
import { profilesPath, readProfiles, writeProfiles } from './profiles.js';

interface LoginOptions {
  readonly url?: string;
  readonly key?: string;
  readonly profile: string;
  readonly json?: boolean;
}

/** `ringback login`: stores a service and its key, once they are known to work. */
export function define(command: Command): void {
  jsonOption(command)
    .option('--url <url>', 'where the service is; asked for otherwise (RINGBACK_URL)')
    .option('--key <key>', 'the API key; asked for otherwise, or by stdin (RINGBACK_KEY)')
    .option('--profile <name>', 'stores both by this name; it is taken from now on', 'default')
    .action(login);
  examples(
    command,
    'login',
    'login --url https://ringback.example.com --profile production < key.txt',
    'list --profile production',
  );
}

async function login(options: LoginOptions): Promise<void> {
  const { profile: name } = options;
  if (!/^[\w.-]{1,64}$/.test(name) || name === '__proto__')
    throw new UsageError('--profile: give a name of letters, digits, _ . and -');
  const stored = readProfiles();
  const before = stored.profiles[name];
  const env = commandEnv();
  // Of a profile that is there, the login says that it is taken from now on.
  const isKnown = options.url === undefined && options.key === undefined && before !== undefined;
  const url =
    options.url ?? (isKnown ? before.url : env.url) ?? before?.url ?? (await asked('URL of the service'));
  const key = options.key ?? (isKnown ? before.key : env.key) ?? (await askedKey());
  const account = await new RingbackClient({ url, apiKey: key, tries: 2 }).account();
  writeProfiles({ current: name, profiles: { ...stored.profiles, [name]: { url, key } } });
  if (options.json) printJson({ profile: name, url, account: account.id, path: profilesPath() });
  else
    write(
      `Logged in to ${clean(url)} as the account ${clean(account.name)} (${clean(account.id)}). It is the profile ${name} in ${profilesPath()}, for you alone.\n`,
    );
}

async function asked(what: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError('no URL is given: add --url');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await prompt.question(`${what}: `)).trim();
  } finally {
    prompt.close();
  }
}

/** On a terminal without being shown; else all that comes by stdin. */
async function askedKey(): Promise<string> {
  if (!process.stdin.isTTY) {
    const key = (await text(process.stdin)).trim();
    if (key === '') throw new UsageError('no key is given: add --key, or send it by stdin');
    return key;
  }
  process.stderr.write('API key (it is not shown): ');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return (await prompt.question('')).trim();
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}
