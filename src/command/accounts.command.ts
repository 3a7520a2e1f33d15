import type { Command } from 'commander';
import { given, number } from './arguments.js';
import { confirmed, yesOption } from './confirm.js';
import { connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { consoleLink } from './operation-facts.js';
import { clean, type Column, localTime, printFacts, printJson, printTable, write } from './output.js';
import { rowsOf } from './pages.js';

interface Account {
  readonly id: string;
  readonly number: number;
  readonly name: string;
  readonly slots: number;
  readonly quota_bytes: number | null;
  readonly quota_waiting: number | null;
  readonly requests_per_s: number | null;
  readonly disabled: boolean;
  readonly created_at: string;
  readonly usage?: { readonly waiting: number; readonly executing: number };
}

interface AccountOptions extends ConnectOptions {
  readonly name?: string;
  readonly slots?: number;
  readonly quotaBytes?: number;
  readonly quotaWaiting?: number;
  readonly requestsPerS?: number;
}

const COLUMNS: readonly Column<Account>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'NAME', of: ({ name }) => name },
  {
    head: 'STATE',
    of: ({ disabled }) => (disabled ? 'disabled' : 'enabled'),
    style: ({ disabled }) => (disabled ? 'red' : 'green'),
  },
  { head: 'EXECUTING', of: ({ usage, slots }) => `${usage?.executing ?? '–'} of ${slots}` },
  { head: 'WAITING', of: ({ usage }) => usage?.waiting },
  { head: 'CREATED', of: (account) => localTime(account.created_at) },
];

/** `ringback accounts list | get | make | change | disable | enable | delete`. */
export function define(command: Command): void {
  examples(command, 'accounts list', 'accounts make acme --slots 5', 'accounts change --help');
  const list = command
    .command('list', { isDefault: true })
    .description('Lists the accounts, and what they run.');
  connected(list).action(async (options: ConnectOptions) => {
    const { api } = connect(options);
    const accounts = await rowsOf<Account>(api, '/v1/accounts', { usage: true }, Infinity);
    if (options.json) printJson(accounts);
    else printTable(accounts, COLUMNS, 'There is no account.');
  });
  examples(list, 'accounts list');

  const get = command.command('get').description('Shows an account.').argument('<id>', 'of the account');
  connected(get).action((id: string, options: ConnectOptions) => call(options, 'GET', id));
  examples(get, 'accounts get acc_…');

  const make = command.command('make').description('Makes an account.').argument('<name>', 'of the account');
  connected(limits(make)).action(async (name: string, options: AccountOptions) => {
    await call(options, 'POST', null, { name, ...limitsOf(options) });
  });
  examples(make, 'accounts make acme --slots 5');

  const change = command
    .command('change')
    .description('Changes what is given of an account.')
    .argument('<id>', 'of the account')
    .option('--name <name>', 'another name');
  connected(limits(change)).action(async (id: string, options: AccountOptions) => {
    await call(options, 'PATCH', id, { ...given({ name: options.name }), ...limitsOf(options) });
  });
  examples(change, 'accounts change acc_… --slots 50 --quota-waiting 10000');

  for (const [name, disabled, words] of [
    ['disable', true, 'Disables an account: its keys are refused; what was accepted runs on and is told.'],
    ['enable', false, 'Takes the keys of a disabled account again.'],
  ] as const) {
    const switched = command.command(name).description(words).argument('<id>', 'of the account');
    connected(switched).action((id: string, options: ConnectOptions) =>
      call(options, 'PATCH', id, { disabled }),
    );
    examples(switched, `accounts ${name} acc_…`);
  }

  const remove = command
    .command('delete')
    .description('Deletes an account with all it has.')
    .argument('<id>', 'of the account');
  connected(yesOption(remove)).action(async (id: string, options: ConnectOptions & { yes?: boolean }) => {
    confirmed(
      options.yes,
      'deletes the account with its operations, deliveries, endpoints, files and secrets',
    );
    const { api } = connect(options);
    await api.send({ method: 'DELETE', path: pathOf(id), repeatable: false }, () => undefined);
    if (options.json) printJson({ id, deleted: true });
    else write(`${clean(id)} is deleted; what it has goes soon after.\n`);
  });
  examples(remove, 'accounts delete acc_… --yes');
}

function limits(command: Command): Command {
  return command
    .option('--slots <number>', 'how many of its operations may be Executing at once', number)
    .option('--quota-bytes <number>', 'bytes that it may have stored; 0 for any', number)
    .option('--quota-waiting <number>', 'operations that it may have Waiting; 0 for any', number)
    .option('--requests-per-s <number>', 'requests that it may make a second; 0 for any', number);
}

function limitsOf(options: AccountOptions): object {
  return given({
    slots: options.slots,
    quota_bytes: options.quotaBytes,
    quota_waiting: options.quotaWaiting,
    requests_per_s: options.requestsPerS,
  });
}

function pathOf(id: string | null): string {
  return id === null ? '/v1/accounts' : `/v1/accounts/${encodeURIComponent(id)}`;
}

/** Makes a call that answers an account, and prints that. */
async function call(
  options: ConnectOptions,
  method: 'GET' | 'POST' | 'PATCH',
  id: string | null,
  body?: object,
): Promise<void> {
  const { api, url } = connect(options);
  const account = await api.json<Account>({ method, path: pathOf(id), body, repeatable: method !== 'POST' });
  if (options.json) return printJson(account);
  printFacts({
    id: account.id,
    number: account.number,
    name: account.name,
    state: account.disabled ? 'disabled' : 'enabled',
    slots: account.slots,
    'quota of bytes': account.quota_bytes,
    'quota of waiting': account.quota_waiting,
    'requests a second': account.requests_per_s,
    created: localTime(account.created_at),
    console: consoleLink(url, `accounts/${account.id}`),
  });
}
